using System.Text;

namespace DeepSeekEngine.Constraints;

/// <summary>Walks texts that are in order: a state is those that begin as the text so far, and how much of them that is.</summary>
internal sealed class LiteralsBuilder : LanguageBuilder<(int First, int End, int Length)>
{
    private readonly int[][] _texts;

    private LiteralsBuilder(Alphabet alphabet, int[][] texts)
        : base(alphabet, $"a choice between {texts.Length} literals")
        => _texts = texts;

    /// <inheritdoc cref="TextLanguage.Literals"/>
    public static TextLanguage Build(IEnumerable<string> texts)
    {
        int[][] scalars = [.. texts.Distinct(StringComparer.Ordinal).Select(Scalars)];
        int[] distinct = [.. scalars.SelectMany(text => text).Distinct()];
        Alphabet alphabet = Alphabet.Of([.. distinct.Select(scalar => ScalarSet.Of(scalar))], out IReadOnlyList<int>[] symbols);
        Dictionary<int, int> symbolOf = distinct.Index().ToDictionary(pair => pair.Item, pair => symbols[pair.Index][0]);
        int[][] ordered = [.. scalars.Select(text => Array.ConvertAll(text, scalar => symbolOf[scalar]))];
        Array.Sort(ordered, (left, right) => left.AsSpan().SequenceCompareTo(right));
        return new LiteralsBuilder(alphabet, ordered).Build((0, ordered.Length, 0));
    }

    protected override bool Accepts((int First, int End, int Length) key) => key.First < key.End && _texts[key.First].Length == key.Length;

    protected override void Step((int First, int End, int Length) key, Span<int> targets)
    {
        // One that ends here is before those that go on.
        int first = Accepts(key) ? key.First + 1 : key.First;
        while (first < key.End)
        {
            int symbol = _texts[first][key.Length];
            int end = first + 1;
            while (end < key.End && _texts[end][key.Length] == symbol)
            {
                end++;
            }

            targets[symbol] = StateOf((first, end, key.Length + 1));
            first = end;
        }
    }

    private static int[] Scalars(string text)
    {
        List<int> scalars = [];
        int at = 0;
        while (at < text.Length)
        {
            if (!Rune.TryGetRuneAt(text, at, out Rune rune))
            {
                throw new UnsupportedSchemaException(text, $"at character {at} is a surrogate without its partner, which no text can have");
            }

            scalars.Add(rune.Value);
            at += rune.Utf16SequenceLength;
        }

        return [.. scalars];
    }
}
