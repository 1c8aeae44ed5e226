using System.Text;

namespace DeepSeekEngine.Constraints;

/// <summary>Reads the characters of a regular expression.</summary>
internal sealed class ExpressionReader(string pattern)
{
    private const int ShownCharacters = 200;

    /// <summary>What an error shows of the pattern.</summary>
    public static string Shown(string pattern) => pattern.Length <= ShownCharacters ? pattern : pattern[..ShownCharacters] + "...";

    public int Position { get; private set; }

    public bool AtEnd => Position == pattern.Length;

    /// <summary>The next UTF-16 unit; a zero at the end, where callers that would mistake it for one look first.</summary>
    public char Peek() => AtEnd ? '\0' : pattern[Position];

    /// <summary>The next scalar value.</summary>
    public int Take()
    {
        if (AtEnd)
        {
            throw Error(Position, "it ends too soon");
        }

        if (!Rune.TryGetRuneAt(pattern, Position, out Rune rune))
        {
            throw Error(Position, "a surrogate without its partner, which no text can have");
        }

        Position += rune.Utf16SequenceLength;
        return rune.Value;
    }

    public bool TryTake(string expected)
    {
        if (!pattern.AsSpan(Position).StartsWith(expected, StringComparison.Ordinal))
        {
            return false;
        }

        Position += expected.Length;
        return true;
    }

    /// <summary>The ASCII digits that come next as a number, the largest there is if they are more; null for none.</summary>
    public int? TakeNumber()
    {
        int? number = null;
        while (char.IsAsciiDigit(Peek()))
        {
            number = (int)Math.Min(int.MaxValue, (10L * (number ?? 0)) + Take() - '0');
        }

        return number;
    }

    /// <summary>What comes before <paramref name="end"/>, which is taken too.</summary>
    public string TakeUntil(char end)
    {
        int start = Position;
        int length = pattern.AsSpan(start).IndexOf(end);
        if (length < 0)
        {
            throw Error(start, $"a '{end}' is missing");
        }

        Position += length + 1;
        return pattern.Substring(start, length);
    }

    public UnsupportedSchemaException Error(int position, string problem)
        => new(Shown(pattern), $"the regular expression is malformed or not supported: at character {position}: {problem}");
}
