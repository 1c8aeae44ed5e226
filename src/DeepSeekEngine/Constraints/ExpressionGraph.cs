namespace DeepSeekEngine.Constraints;

internal enum ExpressionStep
{
    /// <summary>Goes on at all targets at once, without a character.</summary>
    Fork,

    /// <summary>Goes on at the target by a character of a set.</summary>
    Scalar,

    /// <summary>Goes on at the target, without a character, where an assertion holds.</summary>
    Assert,

    /// <summary>Accepts the text up to here.</summary>
    Accept,

    /// <summary>Accepts the text up to here and however it goes on.</summary>
    AcceptAll,
}

/// <summary>A state of a nondeterministic automaton.</summary>
/// <param name="Step">What it does.</param>
/// <param name="Value">The number of a scalar's set, or an <see cref="Assertion"/>.</param>
/// <param name="Targets">Where it goes on.</param>
internal readonly record struct ExpressionState(ExpressionStep Step, int Value, List<int> Targets);

/// <summary>
/// A regular expression as a nondeterministic automaton. It is made from the end to the beginning, each part knowing where the text goes
/// on after it. A repetition is a copy of its item for each time.
/// </summary>
internal sealed class ExpressionGraph
{
    private const int MaxStates = 100_000;

    private const int MaxRanges = 1 << 19;

    private static readonly List<int> s_nowhere = [];

    private readonly string _pattern;

    private readonly List<ExpressionState> _states = [];

    private readonly List<ScalarSet> _sets = [];

    private readonly Dictionary<IntSequence, int> _numbers = [];

    private int _parts;

    private int _ranges;

    /// <summary>Compiles an expression; see <see cref="TextLanguage.Pattern"/>.</summary>
    /// <exception cref="UnsupportedSchemaException">It is malformed, not supported or too large.</exception>
    public ExpressionGraph(string pattern, bool wholeText)
    {
        _pattern = pattern;
        ExpressionNode root = ExpressionParser.Parse(pattern);
        int end = Add(new ExpressionState(wholeText ? ExpressionStep.Accept : ExpressionStep.AcceptAll, 0, s_nowhere));
        Start = Compile(root, end);
        if (!wholeText)
        {
            ExpressionState fork = new(ExpressionStep.Fork, 0, [Start]);
            Start = Add(fork);
            fork.Targets.Add(Add(new ExpressionState(ExpressionStep.Scalar, SetNumber(ScalarSet.All), [Start])));
        }
    }

    public int Start { get; }

    public IReadOnlyList<ExpressionState> States => _states;

    /// <summary>The sets that states refer to.</summary>
    public IReadOnlyList<ScalarSet> Sets => _sets;

    private int Compile(ExpressionNode node, int next)
    {
        if (++_parts > MaxStates)
        {
            throw TooLarge();
        }

        switch (node)
        {
            case ScalarNode scalar:
                return Add(new ExpressionState(ExpressionStep.Scalar, SetNumber(scalar.Set), [next]));
            case AssertionNode assertion:
                return Add(new ExpressionState(ExpressionStep.Assert, (int)assertion.Assertion, [next]));
            case SequenceNode sequence:
                return sequence.Items.Reverse().Aggregate(next, (following, item) => Compile(item, following));
            case AlternationNode alternation:
                return Add(new ExpressionState(ExpressionStep.Fork, 0, [.. alternation.Items.Select(item => Compile(item, next))]));
            case RepetitionNode repetition:
                return Repeat(repetition, next);
            default:
                throw new ArgumentException($"{node.GetType().Name} is no part of an expression.", nameof(node));
        }
    }

    private int Repeat(RepetitionNode repetition, int next)
    {
        int at = next;
        if (repetition.Max is int max)
        {
            // Each that may be left out can go to the end at once: from one to the next it would take as many steps as there are.
            for (int time = repetition.Min; time < max; time++)
            {
                at = Add(new ExpressionState(ExpressionStep.Fork, 0, [Compile(repetition.Item, at), next]));
            }
        }
        else
        {
            ExpressionState fork = new(ExpressionStep.Fork, 0, [next]);
            at = Add(fork);
            fork.Targets.Add(Compile(repetition.Item, at));
        }

        for (int time = 0; time < repetition.Min; time++)
        {
            at = Compile(repetition.Item, at);
        }

        return at;
    }

    private int SetNumber(ScalarSet set)
    {
        IntSequence key = new([.. set.Ranges.SelectMany(range => (int[])[range.First, range.Last])]);
        if (!_numbers.TryGetValue(key, out int number))
        {
            number = _sets.Count;
            _numbers.Add(key, number);
            _sets.Add(set);
            _ranges += set.Ranges.Count;
            if (_ranges > MaxRanges)
            {
                throw TooLarge();
            }
        }

        return number;
    }

    private int Add(ExpressionState state)
    {
        _states.Add(state);
        return _states.Count <= MaxStates ? _states.Count - 1 : throw TooLarge();
    }

    private UnsupportedSchemaException TooLarge()
        => new(ExpressionReader.Shown(_pattern), $"the regular expression takes more than {MaxStates} states; repeat less of it");
}
