using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// The three passes of DeepSeek-V3 and R1, written by hand because they are the tokenizers this library is for: the pieces are those of
/// <see cref="PatternPreTokenizer"/> with <see cref="Patterns"/>, without a program to interpret.
/// </summary>
internal sealed class DeepSeekV3PreTokenizer : IPreTokenizer
{
    /// <summary>The patterns of the three passes as tokenizer.json writes them.</summary>
    public static readonly string[] Patterns =
    [
        @"\p{N}{1,3}",
        "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            + "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    ];

    [Flags]
    private enum Classes
    {
        None = 0,
        Letter = 1,
        Mark = 2,
        Number = 4,
        PunctuationOrSymbol = 8,
        WhiteSpace = 16,
        LineBreak = 32,
    }

    public void Split(ReadOnlySpan<char> text, List<int> ends)
    {
        // First pass, \p{N}{1,3}: digits in groups of three from the left.
        int start = 0;
        int at = 0;
        while (at < text.Length)
        {
            int digits = 0;
            int end = at;
            while (digits < 3 && end < text.Length && Is(text, end, Classes.Number, out int next))
            {
                digits++;
                end = next;
            }

            if (digits == 0)
            {
                Classify(text, at, out at);
                continue;
            }

            SplitHanAndKana(text[..at], start, ends);
            ends.Add(end);
            start = at = end;
        }

        SplitHanAndKana(text, start, ends);
    }

    /// <summary>Second pass: runs of Han and kana. <paramref name="text"/> ends where the piece ends.</summary>
    private static void SplitHanAndKana(ReadOnlySpan<char> text, int start, List<int> ends)
    {
        while (start < text.Length)
        {
            bool run = IsHanOrKana(text[start]);
            int end = start + 1;
            while (end < text.Length && IsHanOrKana(text[end]) == run)
            {
                end++;
            }

            SplitWords(text[..end], start, ends);
            start = end;
        }
    }

    /// <summary>Third pass: words, punctuation and white space. <paramref name="text"/> ends where the piece ends.</summary>
    private static void SplitWords(ReadOnlySpan<char> text, int start, List<int> ends)
    {
        int at = start;
        while (at < text.Length)
        {
            int end = MatchWord(text, at);
            if (end == at)
            {
                Classify(text, at, out at);
                continue;
            }

            if (start < at)
            {
                ends.Add(at);
            }

            ends.Add(end);
            start = at = end;
        }

        if (start < at)
        {
            ends.Add(at);
        }
    }

    /// <summary>
    /// The end of what the third pattern matches at <paramref name="at"/>; <paramref name="at"/> itself where it matches nothing.
    /// </summary>
    private static int MatchWord(ReadOnlySpan<char> text, int at)
    {
        // [ASCII punctuation][A-Za-z]+
        if (char.IsAsciiLetter(At(text, at + 1)) && (char.IsPunctuation(text[at]) || char.IsSymbol(text[at])) && char.IsAscii(text[at]))
        {
            int end = at + 2;
            while (char.IsAsciiLetter(At(text, end)))
            {
                end++;
            }

            return end;
        }

        // [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
        Classes first = Classify(text, at, out int second);
        bool prefix = (first & (Classes.LineBreak | Classes.Letter | Classes.PunctuationOrSymbol)) == 0;
        int letters = prefix ? second : at;
        int lettersEnd = Skip(text, letters, Classes.Letter | Classes.Mark);
        if (lettersEnd > letters)
        {
            return lettersEnd;
        }

        if ((first & Classes.Mark) != 0)
        {
            return second;
        }

        // " ?[\p{P}\p{S}]+[\r\n]*"
        int punctuation = text[at] == ' ' ? at + 1 : at;
        int punctuationEnd = Skip(text, punctuation, Classes.PunctuationOrSymbol);
        if (punctuationEnd > punctuation)
        {
            return Skip(text, punctuationEnd, Classes.LineBreak);
        }

        return MatchWhiteSpace(text, at);
    }

    /// <summary>
    /// <c>\s*[\r\n]+|\s+(?!\S)|\s+</c>: up to the last line break of a run; else all of it but the last, which goes with the next word;
    /// else all.
    /// </summary>
    private static int MatchWhiteSpace(ReadOnlySpan<char> text, int at)
    {
        int end = Skip(text, at, Classes.WhiteSpace);
        int lineBreak = text[at..end].LastIndexOfAny('\r', '\n');
        if (lineBreak >= 0)
        {
            return at + lineBreak + 1;
        }

        // All white space is below U+10000: the last one is one unit.
        return end < text.Length && end - at > 1 ? end - 1 : end;
    }

    private static char At(ReadOnlySpan<char> text, int index) => index < text.Length ? text[index] : '\0';

    private static bool IsHanOrKana(char value) => value is (>= '\u4E00' and <= '\u9FA5') or (>= '\u3040' and <= '\u30FF');

    private static bool Is(ReadOnlySpan<char> text, int at, Classes classes, out int next) => (Classify(text, at, out next) & classes) != 0;

    private static int Skip(ReadOnlySpan<char> text, int at, Classes classes)
    {
        while (at < text.Length && Is(text, at, classes, out int next))
        {
            at = next;
        }

        return at;
    }

    /// <summary>The classes of the code point at <paramref name="at"/>, and where the next one begins.</summary>
    private static Classes Classify(ReadOnlySpan<char> text, int at, out int next)
    {
        Rune.DecodeFromUtf16(text[at..], out Rune rune, out int units);
        next = at + units;
        Classes classes = Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Classes.Letter,
            <= UnicodeCategory.EnclosingMark => Classes.Mark,
            <= UnicodeCategory.OtherNumber => Classes.Number,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherSymbol => Classes.PunctuationOrSymbol,
            _ => Classes.None,
        };
        if (Rune.IsWhiteSpace(rune))
        {
            classes |= Classes.WhiteSpace | (rune.Value is '\r' or '\n' ? Classes.LineBreak : Classes.None);
        }

        return classes;
    }
}
