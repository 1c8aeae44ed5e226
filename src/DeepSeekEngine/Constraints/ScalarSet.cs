using DeepSeekEngine.Tokenizer.Patterns;

namespace DeepSeekEngine.Constraints;

/// <summary>A set of Unicode scalar values: of code points that are no surrogates.</summary>
internal sealed class ScalarSet
{
    public const int Last = CharacterClassBuilder.LastCodePoint;

    public const int FirstSurrogate = 0xD800;

    public const int LastSurrogate = 0xDFFF;

    private ScalarSet(List<(int First, int Last)> ranges) => Ranges = ranges;

    public static ScalarSet All { get; } = Of((0, Last));

    public static ScalarSet Empty { get; } = Of();

    /// <summary>In order, with a gap between any two, and none across the surrogates.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges { get; }

    /// <summary>The members of all ranges, which may overlap and be in any order; surrogates among them are left out.</summary>
    public static ScalarSet Of(params IEnumerable<(int First, int Last)> ranges)
    {
        List<(int First, int Last)> cut = [];
        foreach ((int first, int last) in ranges)
        {
            AddRange(cut, first, Math.Min(last, FirstSurrogate - 1));
            AddRange(cut, Math.Max(first, LastSurrogate + 1), last);
        }

        cut.Sort();
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in cut)
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return new ScalarSet(merged);
    }

    public static ScalarSet Of(int scalar) => Of((scalar, scalar));

    public static ScalarSet Union(IEnumerable<ScalarSet> sets) => Of(sets.SelectMany(set => set.Ranges));

    /// <summary>The scalar values of which <paramref name="contains"/> is true, which is asked of each.</summary>
    public static ScalarSet Where(Func<int, bool> contains)
    {
        List<(int First, int Last)> ranges = [];
        int first = -1;
        for (int scalar = 0; scalar <= Last + 1; scalar++)
        {
            bool member = scalar <= Last && contains(scalar);
            if (member && first < 0)
            {
                first = scalar;
            }
            else if (!member && first >= 0)
            {
                ranges.Add((first, scalar - 1));
                first = -1;
            }
        }

        return Of(ranges);
    }

    /// <summary>All scalar values but these.</summary>
    public ScalarSet Complement()
    {
        List<(int First, int Last)> gaps = [];
        int next = 0;
        foreach ((int first, int last) in Ranges)
        {
            AddRange(gaps, next, first - 1);
            next = last + 1;
        }

        AddRange(gaps, next, Last);
        return Of(gaps);
    }

    private static void AddRange(List<(int First, int Last)> ranges, int first, int last)
    {
        if (first <= last)
        {
            ranges.Add((first, last));
        }
    }
}
