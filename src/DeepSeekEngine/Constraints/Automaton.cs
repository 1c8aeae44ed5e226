using System.Runtime.InteropServices;

namespace DeepSeekEngine.Constraints;

/// <summary>Where a state goes by a symbol and by those after it, up to the symbol of the state's next run.</summary>
/// <param name="Symbol">The first symbol.</param>
/// <param name="Target">A state, or <see cref="TextLanguage.Dead"/>.</param>
internal readonly record struct Run(int Symbol, int Target);

/// <summary>The states of a deterministic automaton, the first of which is where it starts, and where they go.</summary>
internal sealed class Automaton
{
    private readonly List<int> _rows = [0];

    private readonly List<Run> _runs = [];

    private readonly List<bool> _accepts = [];

    public int Count => _accepts.Count;

    public bool Accepts(int state) => _accepts[state];

    /// <summary>The runs of a state; the first is of symbol 0, and no two neighbours go to the same state.</summary>
    public ReadOnlySpan<Run> Row(int state) => CollectionsMarshal.AsSpan(_runs)[_rows[state].._rows[state + 1]];

    /// <summary>Where a state goes by a symbol.</summary>
    public int Next(int state, int symbol)
    {
        ReadOnlySpan<Run> row = Row(state);
        int low = 0;
        int high = row.Length;
        while (high - low > 1)
        {
            int middle = (low + high) >>> 1;
            if (row[middle].Symbol <= symbol)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return row[low].Target;
    }

    /// <summary>Adds a state.</summary>
    /// <param name="targets">Where it goes by each symbol.</param>
    /// <param name="accepts">Whether it accepts.</param>
    public void Add(ReadOnlySpan<int> targets, bool accepts)
    {
        int start = _runs.Count;
        for (int symbol = 0; symbol < targets.Length; symbol++)
        {
            AddRun(start, new Run(symbol, targets[symbol]));
        }

        _rows.Add(_runs.Count);
        _accepts.Add(accepts);
    }

    /// <summary>The states that go to each state, once for each run that does.</summary>
    public List<int>[] Predecessors()
    {
        List<int>[] predecessors = new List<int>[Count];
        for (int state = 0; state < Count; state++)
        {
            predecessors[state] = [];
        }

        for (int state = 0; state < Count; state++)
        {
            foreach (Run run in Row(state))
            {
                if (run.Target != TextLanguage.Dead)
                {
                    predecessors[run.Target].Add(state);
                }
            }
        }

        return predecessors;
    }

    /// <summary>
    /// The automaton whose states are blocks of states that agree with each other, as far as they can be reached from the start.
    /// </summary>
    /// <param name="blocks">The block of each state, or <see cref="TextLanguage.Dead"/> for one that is left out.</param>
    public Automaton Quotient(ReadOnlySpan<int> blocks)
    {
        Automaton quotient = new();
        if (Count == 0 || blocks[0] == TextLanguage.Dead)
        {
            return quotient;
        }

        Dictionary<int, int> numbers = new() { [blocks[0]] = 0 };
        List<int> representatives = [0];
        for (int number = 0; number < representatives.Count; number++)
        {
            int representative = representatives[number];
            int start = quotient._runs.Count;
            foreach (Run run in Row(representative))
            {
                int target = TextLanguage.Dead;
                if (run.Target != TextLanguage.Dead && blocks[run.Target] != TextLanguage.Dead
                    && !numbers.TryGetValue(blocks[run.Target], out target))
                {
                    target = representatives.Count;
                    numbers.Add(blocks[run.Target], target);
                    representatives.Add(run.Target);
                }

                quotient.AddRun(start, run with { Target = target });
            }

            quotient._rows.Add(quotient._runs.Count);
            quotient._accepts.Add(Accepts(representative));
        }

        return quotient;
    }

    /// <summary>Adds a run to the row that begins at <paramref name="start"/>.</summary>
    private void AddRun(int start, Run run)
    {
        if (_runs.Count == start || _runs[^1].Target != run.Target)
        {
            _runs.Add(run);
        }
    }
}
