namespace DeepSeekEngine.Constraints;

/// <summary>Those of some sorted words that begin alike. Words are compared by scalar values.</summary>
/// <param name="Words">All of them.</param>
/// <param name="First">The first that begins so.</param>
/// <param name="End">The one after the last that does.</param>
/// <param name="Length">How many scalar values they have been found to have in common.</param>
internal readonly record struct WordRange(int[][] Words, int First, int End, int Length)
{
    public int Count => End - First;

    /// <summary>The word that has nothing beyond what all have in common; -1 if there is none.</summary>
    public int Whole => First < End && Words[First].Length == Length ? First : -1;

    /// <summary>The first of the words that go on.</summary>
    public int FirstLonger => Whole < 0 ? First : First + 1;

    public static WordRange Of(int[][] sorted) => new(sorted, 0, sorted.Length, 0);

    /// <summary>A text's scalar values; a surrogate without its partner is U+FFFD.</summary>
    public static int[] Scalars(string text) => [.. text.EnumerateRunes().Select(rune => rune.Value)];

    public static int Compare(int[] left, int[] right) => left.AsSpan().SequenceCompareTo(right);

    /// <summary>Those that go on with <paramref name="scalar"/>.</summary>
    public WordRange Narrow(int scalar)
    {
        var first = FirstFrom(FirstLonger, scalar);
        return this with { First = first, End = FirstFrom(first, scalar + 1), Length = Length + 1 };
    }

    /// <summary>What a word goes on with.</summary>
    public int NextScalar(int word) => Words[word][Length];

    /// <summary>The first word, not before <paramref name="from"/>, that goes on with <paramref name="scalar"/> or a larger one.</summary>
    public int FirstFrom(int from, int scalar)
    {
        var end = End;
        while (from < end)
        {
            var middle = (from + end) >>> 1;
            if (NextScalar(middle) < scalar)
            {
                from = middle + 1;
            }
            else
            {
                end = middle;
            }
        }

        return from;
    }
}
