namespace DeepSeekEngine.Constraints;

/// <summary>What has been read of a character that takes several bytes: its UTF-8 or, in a JSON string, its escape.</summary>
/// <param name="Kind">What it is a part of.</param>
/// <param name="Value">The bits read so far: of the scalar value in UTF-8, of the UTF-16 code unit in an escape.</param>
/// <param name="Left">How many bytes or hexadecimal digits are missing.</param>
/// <param name="Least">In UTF-8, the least scalar value that is encoded in that many bytes.</param>
/// <param name="High">In an escape, the surrogate of the one before; 0 if there is none.</param>
internal readonly record struct CharacterPart(CharacterPartKind Kind, int Value = 0, int Left = 0, int Least = 0, int High = 0)
{
    private const int LastScalar = 0x10FFFF;

    private const int FirstHigh = 0xD800;

    private const int FirstLow = 0xDC00;

    private const int LastLow = 0xDFFF;

    /// <summary>The part of a character whose UTF-8 begins so; null if none does.</summary>
    public static CharacterPart? OfLead(int lead) => lead switch
    {
        >= 0xC2 and < 0xE0 => new(CharacterPartKind.Utf8, lead & 0x1F, 1, 0x80),
        >= 0xE0 and < 0xF0 => new(CharacterPartKind.Utf8, lead & 0xF, 2, 0x800),
        >= 0xF0 and < 0xF5 => new(CharacterPartKind.Utf8, lead & 7, 3, 0x10000),
        _ => null,
    };

    /// <summary>The part with another byte of UTF-8.</summary>
    public CharacterPart WithByte(int value) => this with { Value = (Value << 6) | (value & 0x3F), Left = Left - 1 };

    /// <summary>The part with another hexadecimal digit.</summary>
    public CharacterPart WithDigit(int digit) => this with { Value = (Value << 4) | digit, Left = Left - 1 };

    /// <summary>The scalar values whose UTF-8 begins so; none if the first is above the last.</summary>
    /// <param name="isCut">Whether some that the missing bytes could spell are no scalar values or need not so many bytes.</param>
    public (int First, int Last) Utf8Range(out bool isCut)
    {
        var first = Value << (6 * Left);
        var last = first | ((1 << (6 * Left)) - 1);
        var (cutFirst, cutLast) = (Math.Max(first, Least), Math.Min(last, LastScalar));
        if (cutFirst <= LastLow && cutLast >= FirstHigh)
        {
            // The only such parts are 0xED, whose upper half is surrogates, and what follows it.
            cutLast = Math.Min(cutLast, FirstHigh - 1);
        }

        isCut = (first, last) != (cutFirst, cutLast);
        return (cutFirst, cutLast);
    }

    /// <summary>Whether a text may go on with one of the characters whose escape begins so.</summary>
    public bool MayBecomeEscapeOf(TextPosition text)
    {
        var first = Value << (4 * Left);
        var last = first | ((1 << (4 * Left)) - 1);
        if (High != 0)
        {
            return IsReached(text, ScalarOf(High, Math.Max(first, FirstLow)), ScalarOf(High, Math.Min(last, LastLow)));
        }

        // A high surrogate stands for all that it begins; a low one begins nothing.
        var (firstHigh, lastHigh) = (Math.Max(first, FirstHigh), Math.Min(last, FirstLow - 1));
        return IsReached(text, first, Math.Min(last, FirstHigh - 1))
            || IsReached(text, Math.Max(first, LastLow + 1), last)
            || (firstHigh <= lastHigh && IsReached(text, ScalarOf(firstHigh, FirstLow), ScalarOf(lastHigh, LastLow)));
    }

    /// <summary>Whether a whole code unit is a surrogate that needs another one.</summary>
    public bool IsHighSurrogate => High == 0 && Value is >= FirstHigh and < FirstLow;

    /// <summary>What the whole escape stands for.</summary>
    public int EscapedScalar => High == 0 ? Value : ScalarOf(High, Value);

    private static int ScalarOf(int high, int low) => 0x10000 + ((high - FirstHigh) << 10) + (low - FirstLow);

    private static bool IsReached(TextPosition text, int first, int last) => first <= last && text.MayContinueIn(first, last, out _);
}
