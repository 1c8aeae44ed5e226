namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>Turns a parsed pattern into instructions.</summary>
internal sealed class PatternCompiler
{
    /// <summary>Repeated groups are written out, so that a short pattern can become a long program.</summary>
    private const int MaxInstructions = 1 << 13;

    private readonly PatternSource _source;

    private readonly List<Instruction> _program = [];

    private int _loops;

    private PatternCompiler(PatternSource source) => _source = source;

    /// <returns>The instructions, and how many of them are loops.</returns>
    /// <exception cref="UnsupportedModelException">The pattern is too large.</exception>
    public static (Instruction[] Program, int Loops) Compile(PatternSource source, PatternNode root)
    {
        PatternCompiler compiler = new(source);
        compiler.Compile(root);
        compiler.Emit(new Instruction(Operation.Accept));
        return ([.. compiler._program], compiler._loops);
    }

    private void Compile(PatternNode node)
    {
        switch (node)
        {
            case CharacterNode character:
                Emit(new Instruction(Operation.Character) { Class = character.Class });
                break;
            case SequenceNode sequence:
                foreach (PatternNode item in sequence.Items)
                {
                    Compile(item);
                }

                break;
            case AlternationNode alternation:
                CompileAlternation(alternation.Items);
                break;
            case RepeatNode { Item: CharacterNode character } repeat:
                Emit(new Instruction(Operation.Loop)
                {
                    Class = character.Class,
                    Loop = _loops++,
                    Min = repeat.Min,
                    Max = repeat.Max,
                    Possessive = repeat.Possessive,
                });
                break;
            case RepeatNode repeat:
                CompileRepeat(repeat);
                break;
            case LineBorderNode border:
                Emit(new Instruction(border.End ? Operation.LineEnd : Operation.LineStart));
                break;
            case LookaheadNode lookahead:
                int start = Emit(new Instruction(lookahead.Negative ? Operation.NegativeLookahead : Operation.Lookahead));
                Compile(lookahead.Body);
                Emit(new Instruction(Operation.Accept));
                SetTarget(start);
                break;
        }
    }

    private void CompileAlternation(IReadOnlyList<PatternNode> items)
    {
        List<int> jumps = [];
        for (int i = 0; i < items.Count - 1; i++)
        {
            int split = Emit(new Instruction(Operation.Split));
            Compile(items[i]);
            jumps.Add(Emit(new Instruction(Operation.Jump)));
            SetTarget(split);
        }

        Compile(items[^1]);
        jumps.ForEach(SetTarget);
    }

    private void CompileRepeat(RepeatNode repeat)
    {
        for (int i = 0; i < repeat.Min; i++)
        {
            Compile(repeat.Item);
        }

        if (repeat.Max == RepeatNode.Unlimited)
        {
            int again = Emit(new Instruction(Operation.Split));
            Compile(repeat.Item);
            Emit(new Instruction(Operation.Jump) { Target = again });
            SetTarget(again);
            return;
        }

        List<int> splits = [];
        for (int i = repeat.Min; i < repeat.Max; i++)
        {
            splits.Add(Emit(new Instruction(Operation.Split)));
            Compile(repeat.Item);
        }

        splits.ForEach(SetTarget);
    }

    private int Emit(Instruction instruction)
    {
        if (_program.Count == MaxInstructions)
        {
            throw _source.Unsupported($"written out it has more than {MaxInstructions} steps");
        }

        _program.Add(instruction);
        return _program.Count - 1;
    }

    /// <summary>Lets <paramref name="instruction"/> go on at the next one to be emitted.</summary>
    private void SetTarget(int instruction) => _program[instruction] = _program[instruction] with { Target = _program.Count };
}
