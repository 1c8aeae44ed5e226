using System.Text;

namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>Reads the code points of a pattern.</summary>
internal sealed class PatternReader(PatternSource source)
{
    private const int End = -1;

    public PatternSource Source => source;

    public int Position { get; set; }

    public bool AtEnd => Position == source.Text.Length;

    /// <summary>The next code point; -1 at the end.</summary>
    public int Peek() => AtEnd ? End : CodePoints.At(source.Text, Position, out _);

    public int Take()
    {
        if (AtEnd)
        {
            throw source.Malformed("it ends too soon");
        }

        int value = CodePoints.At(source.Text, Position, out int next);
        Position = next;
        return value;
    }

    public bool TryTake(string expected)
    {
        if (!source.Text.AsSpan(Position).StartsWith(expected, StringComparison.Ordinal))
        {
            return false;
        }

        Position += expected.Length;
        return true;
    }

    /// <summary>The ASCII digits that come next as a number; null for none.</summary>
    public int? TakeNumber()
    {
        int? number = null;
        while (Peek() is >= '0' and <= '9')
        {
            number = (int)Math.Min(int.MaxValue, (10L * (number ?? 0)) + Take() - '0');
        }

        return number;
    }

    public static string Show(int codePoint) => Rune.IsValid(codePoint) ? new Rune(codePoint).ToString() : "";
}
