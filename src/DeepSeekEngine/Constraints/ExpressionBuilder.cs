namespace DeepSeekEngine.Constraints;

/// <summary>
/// Makes a regular expression deterministic: a state is the set of states that the expression's graph may be in. What an assertion says
/// depends on the next character, so it is looked at only when that is known, and a state knows of what kind the last one was.
/// </summary>
internal sealed class ExpressionBuilder : LanguageBuilder<(IntSequence States, ExpressionBuilder.Kind Before)>
{
    private static readonly Kind[] s_kinds = [Kind.Word, Kind.Other];

    private readonly IReadOnlyList<ExpressionState> _states;

    /// <summary>The symbols of each set of the graph that are of a kind, [kind][set].</summary>
    private readonly int[][][] _symbols;

    /// <summary>For each symbol the states of the graph that are reached by it, while a step is made.</summary>
    private readonly List<int>[] _reached;

    /// <summary>The symbols that are of each kind.</summary>
    private readonly int[][] _symbolsOfKind;

    /// <summary>In which walk each state of the graph was met last.</summary>
    private readonly int[] _met;

    private readonly Stack<int> _pending = [];

    private int _walk;

    private ExpressionBuilder(string pattern, ExpressionGraph graph, Alphabet alphabet, IReadOnlyList<int>[] symbols)
        : base(alphabet, ExpressionReader.Shown(pattern))
    {
        _states = graph.States;
        _met = new int[graph.States.Count];
        _reached = [.. Enumerable.Range(0, alphabet.Count).Select(_ => new List<int>())];
        int[] words = [.. symbols[1]];
        _symbolsOfKind = [[], words, [.. symbols[0].Except(words)]];
        _symbols = [.. _symbolsOfKind.Select(kind => Array.ConvertAll(symbols[2..], set => set.Intersect(kind).ToArray()))];
    }

    /// <summary>What assertions tell apart.</summary>
    internal enum Kind
    {
        /// <summary>No character: the text begins or ends.</summary>
        None,

        /// <summary>A character of a word.</summary>
        Word,

        /// <summary>Another character.</summary>
        Other,
    }

    /// <inheritdoc cref="TextLanguage.Pattern"/>
    public static TextLanguage Build(string pattern, bool wholeText)
    {
        ExpressionGraph graph = new(pattern, wholeText);
        Alphabet alphabet = Alphabet.Of([ScalarSet.All, ScalarProperties.Words, .. graph.Sets], out IReadOnlyList<int>[] symbols);
        ExpressionBuilder builder = new(pattern, graph, alphabet, symbols);
        return builder.Build(builder.Key([graph.Start], Kind.None));
    }

    protected override bool Accepts((IntSequence States, Kind Before) key)
        => Walk(key.States.Items, assertion => Holds(assertion, key.Before, Kind.None))
            .Any(state => _states[state].Step is ExpressionStep.Accept or ExpressionStep.AcceptAll);

    protected override void Step((IntSequence States, Kind Before) key, Span<int> targets)
    {
        foreach (Kind kind in s_kinds)
        {
            foreach (int state in Walk(key.States.Items, assertion => Holds(assertion, key.Before, kind)))
            {
                Reach(state, kind);
            }

            foreach (int symbol in _symbolsOfKind[(int)kind])
            {
                if (_reached[symbol].Count > 0)
                {
                    targets[symbol] = StateOf(Key(_reached[symbol].ToArray(), kind));
                    _reached[symbol].Clear();
                }
            }
        }
    }

    private static bool Holds(Assertion assertion, Kind before, Kind after) => assertion switch
    {
        Assertion.Start => before == Kind.None,
        Assertion.End => after == Kind.None,
        Assertion.WordBorder => (before == Kind.Word) != (after == Kind.Word),
        _ => (before == Kind.Word) == (after == Kind.Word),
    };

    /// <summary>Notes where a state of the graph goes by characters of a kind.</summary>
    private void Reach(int state, Kind kind)
    {
        ExpressionState from = _states[state];
        (int[] symbols, int target) = from.Step switch
        {
            ExpressionStep.Scalar => (_symbols[(int)kind][from.Value], from.Targets[0]),
            ExpressionStep.AcceptAll => (_symbolsOfKind[(int)kind], state),
            _ => ([], state),
        };
        CountSteps(symbols.Length);
        foreach (int symbol in symbols)
        {
            _reached[symbol].Add(target);
        }
    }

    /// <summary>The state of being in any of some states of the graph, after a character of a kind.</summary>
    private (IntSequence States, Kind Before) Key(ReadOnlySpan<int> states, Kind before)
    {
        List<int> reached = Walk(states, _ => null);
        int acceptsAll = reached.FindIndex(state => _states[state].Step == ExpressionStep.AcceptAll);
        if (acceptsAll >= 0)
        {
            return (new IntSequence([reached[acceptsAll]]), Kind.Other);
        }

        reached.Sort();
        bool asserts = reached.Exists(state => _states[state].Step == ExpressionStep.Assert);
        return (new IntSequence([.. reached]), asserts ? before : Kind.Other);
    }

    /// <summary>The states that are reached from some without a character, but for those that only lead on to others.</summary>
    /// <param name="states">Some states of the graph.</param>
    /// <param name="holds">Whether an assertion holds; null for one that is not known yet, which is kept.</param>
    private List<int> Walk(ReadOnlySpan<int> states, Func<Assertion, bool?> holds)
    {
        _walk++;
        List<int> reached = [];
        foreach (int state in states)
        {
            Meet(state);
        }

        while (_pending.TryPop(out int state))
        {
            ExpressionState from = _states[state];
            bool? passes = from.Step switch
            {
                ExpressionStep.Fork => true,
                ExpressionStep.Assert => holds((Assertion)from.Value),
                _ => null,
            };
            if (passes is null)
            {
                reached.Add(state);
            }
            else if (passes.Value)
            {
                CountSteps(from.Targets.Count);
                from.Targets.ForEach(Meet);
            }
        }

        return reached;
    }

    private void Meet(int state)
    {
        if (_met[state] != _walk)
        {
            _met[state] = _walk;
            _pending.Push(state);
            CountSteps(1);
        }
    }
}
