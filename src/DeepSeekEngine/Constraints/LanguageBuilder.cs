namespace DeepSeekEngine.Constraints;

/// <summary>Makes a language of states that are found on the way: of each, given by a key, it is asked where it goes.</summary>
/// <param name="alphabet">The symbols that states tell apart.</param>
/// <param name="location">What an error says is too large.</param>
/// <typeparam name="TKey">What states are told apart by.</typeparam>
internal abstract class LanguageBuilder<TKey>(Alphabet alphabet, string location)
    where TKey : notnull
{
    /// <summary>Enough for a length of 65,535, which is a usual limit, and for a few thousand literals.</summary>
    private const int MaxStates = 1 << 17;

    /// <summary>What takes some tenths of a second.</summary>
    private const int MaxSteps = 1 << 22;

    /// <summary>How many symbols are gone through in the time of a step.</summary>
    private const int SymbolsPerStep = 8;

    private readonly Dictionary<TKey, int> _states = [];

    private readonly List<TKey> _keys = [];

    private int _steps;

    protected abstract bool Accepts(TKey key);

    /// <summary>Says where a state goes.</summary>
    /// <param name="key">The state.</param>
    /// <param name="targets">One for each symbol, all <see cref="TextLanguage.Dead"/>; a <see cref="StateOf"/> where it goes on.</param>
    protected abstract void Step(TKey key, Span<int> targets);

    /// <summary>The number of a state.</summary>
    protected int StateOf(TKey key)
    {
        if (!_states.TryGetValue(key, out int state))
        {
            state = _keys.Count;
            _keys.Add(key);
            _states.Add(key, state);
            if (state == MaxStates)
            {
                throw TooLarge();
            }
        }

        return state;
    }

    /// <summary>Counts steps of work, so that what would take for ever is refused.</summary>
    /// <exception cref="UnsupportedSchemaException">There are too many.</exception>
    protected void CountSteps(int steps)
    {
        _steps += steps;
        if (_steps > MaxSteps)
        {
            throw TooLarge();
        }
    }

    /// <summary>The language of the texts that lead from a state to one that accepts.</summary>
    /// <exception cref="UnsupportedSchemaException">There are too many states.</exception>
    public TextLanguage Build(TKey start)
    {
        Automaton automaton = new();
        int[] targets = new int[alphabet.Count];
        StateOf(start);
        for (int state = 0; state < _keys.Count; state++)
        {
            CountSteps(targets.Length / SymbolsPerStep);
            Array.Fill(targets, TextLanguage.Dead);
            Step(_keys[state], targets);
            automaton.Add(targets, Accepts(_keys[state]));
        }

        return new TextLanguage(alphabet, Minimization.Minimize(automaton.Quotient(Alive(automaton))));
    }

    /// <summary>Each state from which one that accepts can be reached, and Dead for the others.</summary>
    private static int[] Alive(Automaton automaton)
    {
        int[] alive = new int[automaton.Count];
        Array.Fill(alive, TextLanguage.Dead);
        Stack<int> pending = [];
        for (int state = 0; state < automaton.Count; state++)
        {
            if (automaton.Accepts(state))
            {
                alive[state] = state;
                pending.Push(state);
            }
        }

        List<int>[] predecessors = automaton.Predecessors();
        while (pending.TryPop(out int state))
        {
            foreach (int predecessor in predecessors[state])
            {
                if (alive[predecessor] == TextLanguage.Dead)
                {
                    alive[predecessor] = predecessor;
                    pending.Push(predecessor);
                }
            }
        }

        return alive;
    }

    private UnsupportedSchemaException TooLarge()
        => new(location, $"it takes an automaton of more than {MaxStates} states, or too long to make one of fewer; repeat less of it");
}
