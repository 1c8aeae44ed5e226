using System.Globalization;

namespace DeepSeekEngine.Tokenizer.Normalization;

/// <summary>
/// What Unicode 15.1 says of the code points that canonical composition concerns. .NET has no such tables of its own: it asks ICU, and
/// where a program runs without ICU, or in globalization-invariant mode, it takes all text for normalized and says nothing.
/// </summary>
internal static class CanonicalTables
{
    private const string ResourceName = "DeepSeekEngine.Tokenizer.Normalization.canonical.txt";

    private static readonly Dictionary<int, int> s_classes = [];

    /// <summary>What a code point is decomposed to in one step; the second is 0 where it is only one.</summary>
    private static readonly Dictionary<int, (int First, int Second)> s_decompositions = [];

    private static readonly Dictionary<(int First, int Second), int> s_compositions = [];

    /// <summary>Code points that may change, or change what is before them.</summary>
    private static readonly HashSet<int> s_unstable = [];

    static CanonicalTables()
    {
        using Stream stream = typeof(CanonicalTables).Assembly.GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {ResourceName}.");
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is string line)
        {
            string[] fields = line.Split(' ');
            int[] numbers = [.. fields.Skip(1).Select(ParseHexadecimal)];
            if (fields[0] == "c")
            {
                AddClass(numbers[0], numbers[1], numbers[2]);
            }
            else
            {
                AddDecomposition(numbers[0], numbers[1], numbers.Length > 2 ? numbers[2] : 0, undone: fields[0] == "d");
            }
        }
    }

    /// <summary>The canonical combining class: 0 for what begins anew, else where a mark is put.</summary>
    public static int CombiningClass(int codePoint) => s_classes.GetValueOrDefault(codePoint);

    /// <summary>
    /// Whether a code point is in every normalized text as it is and has nothing to do with what comes before it, so that normalizing can
    /// begin there.
    /// </summary>
    public static bool IsStable(int codePoint)
        => codePoint < 0x300 || !(s_unstable.Contains(codePoint) || Hangul.IsVowel(codePoint) || Hangul.IsFinal(codePoint));

    /// <summary>Appends what a code point is decomposed to in the end.</summary>
    public static void Decompose(int codePoint, List<int> decomposed)
    {
        if (Hangul.IsSyllable(codePoint))
        {
            Hangul.Decompose(codePoint, decomposed);
        }
        else if (s_decompositions.TryGetValue(codePoint, out (int First, int Second) parts))
        {
            Decompose(parts.First, decomposed);
            if (parts.Second != 0)
            {
                decomposed.Add(parts.Second);
            }
        }
        else
        {
            decomposed.Add(codePoint);
        }
    }

    /// <summary>The one code point for two; null where there is none.</summary>
    public static int? Compose(int first, int second)
        => s_compositions.TryGetValue((first, second), out int composed) ? composed : Hangul.Compose(first, second);

    private static int ParseHexadecimal(string number)
        => int.Parse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static void AddClass(int first, int last, int combiningClass)
    {
        for (int codePoint = first; codePoint <= last; codePoint++)
        {
            s_classes[codePoint] = combiningClass;
            s_unstable.Add(codePoint);
        }
    }

    private static void AddDecomposition(int codePoint, int first, int second, bool undone)
    {
        s_decompositions[codePoint] = (first, second);
        if (undone)
        {
            s_compositions[(first, second)] = codePoint;
            s_unstable.Add(second);
        }
        else
        {
            s_unstable.Add(codePoint);
        }
    }
}
