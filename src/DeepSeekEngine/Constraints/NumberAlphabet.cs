namespace DeepSeekEngine.Constraints;

/// <summary>The symbols of decimal numbers.</summary>
internal static class NumberAlphabet
{
    static NumberAlphabet()
    {
        Alphabet = Alphabet.Of([.. "-.0123456789".Select(character => ScalarSet.Of(character))], out IReadOnlyList<int>[] symbols);
        Minus = symbols[0][0];
        Point = symbols[1][0];
        Digits = [.. symbols[2..].Select(digit => digit[0])];
    }

    public static Alphabet Alphabet { get; }

    public static int Minus { get; }

    public static int Point { get; }

    /// <summary>The symbols of 0 to 9.</summary>
    public static IReadOnlyList<int> Digits { get; }
}
