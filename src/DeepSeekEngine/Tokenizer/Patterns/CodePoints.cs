using System.Text;

namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>Walks the code points of UTF-16 text; a surrogate without its partner counts as U+FFFD.</summary>
internal static class CodePoints
{
    /// <summary>The code point at <paramref name="index"/>, and where the next one begins.</summary>
    public static int At(ReadOnlySpan<char> text, int index, out int next)
    {
        char unit = text[index];
        next = index + 1;
        if (!char.IsSurrogate(unit))
        {
            return unit;
        }

        if (char.IsHighSurrogate(unit) && next < text.Length && char.IsLowSurrogate(text[next]))
        {
            return char.ConvertToUtf32(unit, text[next++]);
        }

        return Rune.ReplacementChar.Value;
    }

    /// <summary>Where the code point that ends at <paramref name="index"/> begins.</summary>
    public static int Before(ReadOnlySpan<char> text, int index)
        => index >= 2 && char.IsSurrogatePair(text[index - 2], text[index - 1]) ? index - 2 : index - 1;
}
