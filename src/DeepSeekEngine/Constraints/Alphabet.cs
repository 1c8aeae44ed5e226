namespace DeepSeekEngine.Constraints;

/// <summary>
/// The code points, divided into the symbols that an automaton tells apart. That makes its tables small: of the 1.1 million code points
/// a pattern rarely tells apart more than a dozen kinds. Surrogates, which no text has, share no symbol with others.
/// </summary>
internal sealed class Alphabet
{
    /// <summary>Where the pieces begin, in order; the first is 0.</summary>
    private readonly List<int> _first = [];

    /// <summary>The symbol of each piece.</summary>
    private readonly List<int> _symbols = [];

    /// <summary>How many scalar values the symbols before one have.</summary>
    private readonly long[] _sizeBefore;

    private Alphabet(List<(int First, int Symbol)> pieces)
    {
        foreach ((int first, int symbol) in pieces)
        {
            if (_symbols.Count == 0 || _symbols[^1] != symbol)
            {
                _first.Add(first);
                _symbols.Add(symbol);
            }
        }

        Count = _symbols.Max() + 1;
        _sizeBefore = new long[Count + 1];
        for (int piece = 0; piece < _first.Count; piece++)
        {
            _sizeBefore[_symbols[piece] + 1] += _first[piece] == ScalarSet.FirstSurrogate ? 0 : EndOf(piece) - _first[piece];
        }

        for (int symbol = 0; symbol < Count; symbol++)
        {
            _sizeBefore[symbol + 1] += _sizeBefore[symbol];
        }
    }

    /// <summary>How many symbols there are.</summary>
    public int Count { get; }

    /// <summary>The coarsest alphabet that tells the members of each set from all else.</summary>
    /// <param name="sets">The sets.</param>
    /// <param name="symbols">The symbols whose scalar values are the members of each set.</param>
    public static Alphabet Of(IReadOnlyList<ScalarSet> sets, out IReadOnlyList<int>[] symbols)
    {
        List<(int At, int Set, bool Begins)> borders =
            [(0, -1, true), (ScalarSet.FirstSurrogate, -1, false), (ScalarSet.LastSurrogate + 1, -1, true)];
        for (int set = 0; set < sets.Count; set++)
        {
            foreach ((int first, int last) in sets[set].Ranges)
            {
                borders.Add((first, set, true));
                borders.Add((last + 1, set, false));
            }
        }

        borders.Sort((left, right) => left.At.CompareTo(right.At));
        Dictionary<IntSequence, int> known = [];
        List<(int First, int Symbol)> pieces = [];
        List<int>[] members = [.. sets.Select(_ => new List<int>())];
        SortedSet<int> active = [];
        for (int i = 0; i < borders.Count; i++)
        {
            (int at, int set, bool begins) = borders[i];
            _ = begins ? active.Add(set) : active.Remove(set);
            if (at > ScalarSet.Last || (i + 1 < borders.Count && borders[i + 1].At == at))
            {
                continue;
            }

            int[] key = [.. active];
            if (known.TryAdd(new IntSequence(key), known.Count))
            {
                foreach (int member in key.Where(member => member >= 0))
                {
                    members[member].Add(known.Count - 1);
                }
            }

            pieces.Add((at, known[new IntSequence(key)]));
        }

        symbols = members;
        return new Alphabet(pieces);
    }

    /// <summary>The coarsest alphabet that tells apart what one of two alphabets tells apart.</summary>
    /// <param name="left">The one.</param>
    /// <param name="right">The other.</param>
    /// <param name="parts">The symbols of the two that each symbol is a part of.</param>
    public static Alphabet Refine(Alphabet left, Alphabet right, out IReadOnlyList<(int Left, int Right)> parts)
    {
        Dictionary<(int Left, int Right), int> known = [];
        List<(int First, int Symbol)> pieces = [];
        List<(int Left, int Right)> order = [];
        int i = 0;
        int j = 0;
        int at = 0;
        while (at <= ScalarSet.Last)
        {
            (int Left, int Right) pair = (left._symbols[i], right._symbols[j]);
            if (known.TryAdd(pair, known.Count))
            {
                order.Add(pair);
            }

            pieces.Add((at, known[pair]));
            int leftEnd = left.EndOf(i);
            int rightEnd = right.EndOf(j);
            at = Math.Min(leftEnd, rightEnd);
            i += leftEnd == at ? 1 : 0;
            j += rightEnd == at ? 1 : 0;
        }

        parts = order;
        return new Alphabet(pieces);
    }

    /// <summary>The symbol of a code point, in time that grows with the logarithm of how often symbols change along them.</summary>
    public int SymbolOf(int scalar)
    {
        int at = _first.BinarySearch(scalar);
        return _symbols[at >= 0 ? at : ~at - 1];
    }

    /// <summary>The first code point after <paramref name="scalar"/> that may be of another symbol.</summary>
    public int NextBorder(int scalar)
    {
        int at = _first.BinarySearch(scalar);
        return EndOf(at >= 0 ? at : ~at - 1);
    }

    /// <summary>How many scalar values the symbols from <paramref name="first"/> on and before <paramref name="end"/> have.</summary>
    public long Size(int first, int end) => _sizeBefore[end] - _sizeBefore[first];

    private int EndOf(int piece) => piece + 1 < _first.Count ? _first[piece + 1] : ScalarSet.Last + 1;
}
