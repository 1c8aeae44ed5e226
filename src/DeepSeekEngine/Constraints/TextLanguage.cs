namespace DeepSeekEngine.Constraints;

/// <summary>
/// A regular language of texts, as the smallest deterministic automaton over Unicode scalar values in which every state can still reach
/// acceptance. Immutable, so that any number of threads may use one.
/// </summary>
internal sealed class TextLanguage
{
    /// <summary>What <see cref="Next"/> gives where no accepted text continues so.</summary>
    public const int Dead = -1;

    /// <summary>What <see cref="NextOfRange"/> gives where texts go on in more than one way.</summary>
    public const int Various = -2;

    private const int AsciiCount = 128;

    private readonly Alphabet _alphabet;

    private readonly Automaton _automaton;

    /// <summary>The column of each ASCII character in <see cref="_asciiTargets"/>; characters of one symbol share it.</summary>
    private readonly byte[] _asciiColumns = new byte[AsciiCount];

    private readonly int _asciiWidth;

    /// <summary>Where each state goes by an ASCII character, [state, column].</summary>
    private readonly int[] _asciiTargets;

    /// <summary>How many texts are accepted from each state; <see cref="long.MaxValue"/> for more, and for ever so many.</summary>
    private readonly long[] _counts;

    /// <summary>Wraps an automaton whose every state can reach acceptance; use the factories.</summary>
    public TextLanguage(Alphabet alphabet, Automaton automaton)
    {
        _alphabet = alphabet;
        _automaton = automaton;
        List<int> symbols = [];
        for (int scalar = 0; scalar < AsciiCount; scalar++)
        {
            int symbol = alphabet.SymbolOf(scalar);
            int column = symbols.IndexOf(symbol);
            if (column < 0)
            {
                column = symbols.Count;
                symbols.Add(symbol);
            }

            _asciiColumns[scalar] = (byte)column;
        }

        _asciiWidth = symbols.Count;
        _asciiTargets = new int[automaton.Count * _asciiWidth];
        for (int state = 0; state < automaton.Count; state++)
        {
            for (int column = 0; column < _asciiWidth; column++)
            {
                _asciiTargets[(state * _asciiWidth) + column] = automaton.Next(state, symbols[column]);
            }
        }

        _counts = Counts();
    }

    /// <summary>Every text.</summary>
    public static TextLanguage Any { get; } = Length(0, null);

    /// <summary>Where texts start; <see cref="Dead"/> if there are none.</summary>
    public int Start => IsEmpty ? Dead : 0;

    /// <summary>Whether no text is accepted.</summary>
    public bool IsEmpty => _automaton.Count == 0;

    public int StateCount => _automaton.Count;

    /// <summary>Those texts.</summary>
    /// <exception cref="UnsupportedSchemaException">One has a surrogate without its partner, or they are too many.</exception>
    public static TextLanguage Literals(IEnumerable<string> texts) => LiteralsBuilder.Build(texts);

    /// <summary>Texts by how many Unicode scalar values they have, which is what JSON schema counts.</summary>
    /// <param name="min">The fewest.</param>
    /// <param name="max">The most; null for no limit.</param>
    /// <exception cref="UnsupportedSchemaException">The numbers are too large.</exception>
    public static TextLanguage Length(int min, int? max) => LengthBuilder.Build(min, max);

    /// <summary>
    /// Texts that a regular expression matches, in the dialect of JSON schema: ECMA-262's with the flag u, though a backslash may precede
    /// any ASCII punctuation. Lookaround, back references and flags are no part of it, and of properties only the general categories are.
    /// </summary>
    /// <param name="pattern">The expression.</param>
    /// <param name="wholeText">Whether it matches from the first character to the last, or else anywhere, as in a JSON schema.</param>
    /// <exception cref="UnsupportedSchemaException">It is malformed, not supported or too large.</exception>
    public static TextLanguage Pattern(string pattern, bool wholeText) => ExpressionBuilder.Build(pattern, wholeText);

    /// <summary>Where a text goes on; <see cref="Dead"/> where none does.</summary>
    /// <param name="state">A state other than Dead.</param>
    /// <param name="scalar">The text's next code point; by a surrogate no text goes on.</param>
    public int Next(int state, int scalar)
        => scalar < AsciiCount
            ? _asciiTargets[(state * _asciiWidth) + _asciiColumns[scalar]]
            : _automaton.Next(state, _alphabet.SymbolOf(scalar));

    /// <summary>
    /// Where a text goes on by any of the code points from <paramref name="first"/> to <paramref name="last"/>; <see cref="Dead"/> where none
    /// does by any of them, <see cref="Various"/> where not all lead to the same state.
    /// </summary>
    /// <param name="state">A state other than Dead.</param>
    /// <param name="first">The first of at least one.</param>
    /// <param name="last">The last.</param>
    public int NextOfRange(int state, int first, int last)
    {
        int next = Next(state, first);
        for (int scalar = _alphabet.NextBorder(first); scalar <= last; scalar = _alphabet.NextBorder(scalar))
        {
            if (Next(state, scalar) != next)
            {
                return Various;
            }
        }

        return next;
    }

    /// <summary>Whether a text may end.</summary>
    public bool Accepts(int state) => _automaton.Accepts(state);

    /// <summary>Whether a text may go on.</summary>
    public bool CanContinue(int state) => CountFrom(state, 2) > (Accepts(state) ? 1 : 0);

    /// <summary>How many ways there are to complete a text, none at all being one where it may end.</summary>
    /// <param name="state">Where the text is.</param>
    /// <param name="limit">What is given where there are that many or more.</param>
    public long CountFrom(int state, long limit) => Math.Min(_counts[state], limit);

    /// <summary>The texts of both languages.</summary>
    /// <exception cref="UnsupportedSchemaException">There are too many states.</exception>
    public TextLanguage Intersect(TextLanguage other) => Combine(other, (left, right) => left && right);

    /// <summary>The texts of this language that are none of the other's.</summary>
    /// <inheritdoc cref="Intersect"/>
    public TextLanguage Except(TextLanguage other) => Combine(other, (left, right) => left && !right);

    /// <summary>The texts of either language.</summary>
    /// <inheritdoc cref="Intersect"/>
    public TextLanguage Union(TextLanguage other) => Combine(other, (left, right) => left || right);

    private TextLanguage Combine(TextLanguage other, Func<bool, bool, bool> accepts)
    {
        Alphabet alphabet = Alphabet.Refine(_alphabet, other._alphabet, out IReadOnlyList<(int Left, int Right)> parts);
        return new CombinationBuilder(alphabet, parts, _automaton, other._automaton, accepts).Build((Start, other.Start));
    }

    /// <summary>Counts from the ends of texts to their beginnings; what is never reached so leads into a cycle.</summary>
    private long[] Counts()
    {
        long[] counts = new long[StateCount];
        Array.Fill(counts, long.MaxValue);
        int[] uncounted = new int[StateCount];
        Stack<int> counted = [];
        for (int state = 0; state < StateCount; state++)
        {
            foreach (Run run in _automaton.Row(state))
            {
                uncounted[state] += run.Target == Dead ? 0 : 1;
            }

            if (uncounted[state] == 0)
            {
                counted.Push(state);
            }
        }

        List<int>[] predecessors = _automaton.Predecessors();
        while (counted.TryPop(out int state))
        {
            counts[state] = Count(state, counts);
            foreach (int predecessor in predecessors[state])
            {
                if (--uncounted[predecessor] == 0)
                {
                    counted.Push(predecessor);
                }
            }
        }

        return counts;
    }

    private long Count(int state, long[] counts)
    {
        Int128 count = Accepts(state) ? 1 : 0;
        ReadOnlySpan<Run> row = _automaton.Row(state);
        for (int i = 0; i < row.Length; i++)
        {
            if (row[i].Target != Dead)
            {
                int end = i + 1 < row.Length ? row[i + 1].Symbol : _alphabet.Count;
                count += (Int128)_alphabet.Size(row[i].Symbol, end) * counts[row[i].Target];
            }
        }

        return (long)Int128.Min(count, long.MaxValue);
    }
}
