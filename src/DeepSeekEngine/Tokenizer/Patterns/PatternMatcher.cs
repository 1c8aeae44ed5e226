namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>
/// Matches a pattern by backtracking, the leftmost alternative first, with a stack on the heap. Not for several threads at once.
/// </summary>
/// <remarks>
/// A loop over one class remembers the run of its members it saw last and from which of its positions on what follows the loop is known to
/// fail. There are no back references, so that holds wherever a match began: <c>\s+$</c> on a run of n spaces in front of a word takes O(n)
/// steps over all starts, not n².
/// </remarks>
internal sealed class PatternMatcher(Pattern pattern)
{
    /// <summary>Published patterns take fewer than 100 steps for a character.</summary>
    private const long MaxStepsPerCharacter = 2000;

    private const long MaxChoicesPerCharacter = 8;

    private const int NoLoop = -1;

    private const int Failed = -1;

    private readonly Instruction[] _program = pattern.Program;

    private readonly Run[] _runs = new Run[pattern.Loops];

    private Choice[] _choices = new Choice[16];

    private int _depth;

    private long _maxSteps;

    private long _maxChoices;

    /// <summary>
    /// A way not yet taken: to go on at an instruction from a position or, for a loop, from any between Lowest and before Position.
    /// </summary>
    private record struct Choice(int Instruction, int Position, int Lowest, int Loop);

    /// <summary>
    /// The members of a loop's class from Start to End; what follows the loop fails at FailedFrom and all later positions of the run.
    /// </summary>
    private record struct Run(int Start, int End, int FailedFrom);

    /// <summary>Steps taken so far, over all texts.</summary>
    public long Steps { get; private set; }

    /// <summary>
    /// Forgets the text matched before. The next, to be passed to <see cref="Match"/>, has <paramref name="length"/> UTF-16 units.
    /// </summary>
    public void Begin(int length)
    {
        Array.Fill(_runs, new Run(-1, -1, int.MaxValue));
        _maxSteps = Steps + (MaxStepsPerCharacter * (length + 1L));
        _maxChoices = (MaxChoicesPerCharacter * length) + _program.Length;
    }

    /// <summary>Matches at one place.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the match is to begin.</param>
    /// <returns>Where the match ends; -1 if there is none.</returns>
    /// <exception cref="UnsupportedModelException">The pattern takes too many steps.</exception>
    public int Match(ReadOnlySpan<char> text, int start)
    {
        _depth = 0;
        return Execute(text, 0, start);
    }

    private int Execute(ReadOnlySpan<char> text, int at, int position)
    {
        int bottom = _depth;
        while (true)
        {
            CountStep();
            ref readonly Instruction instruction = ref _program[at];
            bool matched = true;
            int following = at + 1;
            switch (instruction.Operation)
            {
                case Operation.Accept:
                    _depth = bottom;
                    return position;
                case Operation.Character:
                    matched = TryTake(text, instruction.Class!, ref position);
                    break;
                case Operation.Loop:
                    matched = TryLoop(text, instruction, following, ref position);
                    break;
                case Operation.Split:
                    Push(new Choice(instruction.Target, position, position, NoLoop));
                    break;
                case Operation.Jump:
                    following = instruction.Target;
                    break;
                case Operation.LineStart:
                    matched = position == 0 || (position < text.Length && text[position - 1] == '\n');
                    break;
                case Operation.LineEnd:
                    matched = position == text.Length || text[position] == '\n';
                    break;
                case Operation.Lookahead or Operation.NegativeLookahead:
                    matched = (Execute(text, following, position) == Failed) == (instruction.Operation == Operation.NegativeLookahead);
                    following = instruction.Target;
                    break;
            }

            if (matched)
            {
                at = following;
            }
            else if (_depth > bottom)
            {
                at = _choices[_depth - 1].Instruction;
                position = Backtrack(text);
            }
            else
            {
                return Failed;
            }
        }
    }

    private bool TryTake(ReadOnlySpan<char> text, CharacterClass members, ref int position)
    {
        CountStep();
        if (position == text.Length || !members.Contains(CodePoints.At(text, position, out int next)))
        {
            return false;
        }

        position = next;
        return true;
    }

    private bool TryLoop(ReadOnlySpan<char> text, in Instruction loop, int following, ref int position)
    {
        int lowest = position;
        for (int i = 0; i < loop.Min; i++)
        {
            if (!TryTake(text, loop.Class!, ref lowest))
            {
                return false;
            }
        }

        int end = lowest;
        if (loop.Max == RepeatNode.Unlimited)
        {
            end = RunEnd(text, loop, position);
            Run run = _runs[loop.Loop];
            if (!loop.Possessive && run.End == end && run.FailedFrom <= end)
            {
                if (run.FailedFrom <= lowest)
                {
                    return false;
                }

                end = CodePoints.Before(text, run.FailedFrom);
            }
        }
        else
        {
            for (int i = loop.Min; i < loop.Max && TryTake(text, loop.Class!, ref end); i++)
            {
            }
        }

        if (end > lowest && !loop.Possessive)
        {
            Push(new Choice(following, end, lowest, loop.Max == RepeatNode.Unlimited ? loop.Loop : NoLoop));
        }

        position = end;
        return true;
    }

    /// <summary>Where the run of a loop's members that begins or goes on at <paramref name="position"/> ends.</summary>
    private int RunEnd(ReadOnlySpan<char> text, in Instruction loop, int position)
    {
        ref Run run = ref _runs[loop.Loop];
        if (run.Start <= position && position < run.End)
        {
            return run.End;
        }

        int end = position;
        while (end != run.Start && TryTake(text, loop.Class!, ref end))
        {
        }

        if (end == run.Start)
        {
            run.Start = position;
            return run.End;
        }

        if (end > position)
        {
            run = new Run(position, end, int.MaxValue);
        }

        return end;
    }

    /// <summary>Takes the last way not yet taken.</summary>
    /// <returns>The position to go on from.</returns>
    private int Backtrack(ReadOnlySpan<char> text)
    {
        ref Choice choice = ref _choices[_depth - 1];
        if (choice.Lowest == choice.Position)
        {
            _depth--;
            return choice.Position;
        }

        if (choice.Loop != NoLoop)
        {
            NoteFailure(text, ref _runs[choice.Loop], choice.Position);
        }

        choice.Position = CodePoints.Before(text, choice.Position);
        if (choice.Position == choice.Lowest)
        {
            _depth--;
        }

        return choice.Position;
    }

    /// <summary>
    /// Remembers that what follows a loop failed at <paramref name="position"/>, if it is known to fail from there to the end of the run.
    /// </summary>
    private static void NoteFailure(ReadOnlySpan<char> text, ref Run run, int position)
    {
        if (run.FailedFrom > run.End ? position == run.End : position == CodePoints.Before(text, run.FailedFrom))
        {
            run.FailedFrom = position;
        }
    }

    private void Push(Choice choice)
    {
        if (_depth == _choices.Length)
        {
            if (_depth >= _maxChoices)
            {
                throw TooCostly();
            }

            Array.Resize(ref _choices, 2 * _depth);
        }

        _choices[_depth++] = choice;
    }

    private void CountStep()
    {
        if (++Steps > _maxSteps)
        {
            throw TooCostly();
        }
    }

    private UnsupportedModelException TooCostly()
        => pattern.Source.Unsupported($"on some text it takes more than {MaxStepsPerCharacter} steps for a character");
}
