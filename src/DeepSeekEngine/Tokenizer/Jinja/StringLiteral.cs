using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>A quoted string with Python's escapes.</summary>
internal static class StringLiteral
{
    /// <summary>Reads the literal that begins at <paramref name="at"/>, which then points behind it.</summary>
    public static string Read(TemplateSource source, ref int at)
    {
        string text = source.Text;
        int start = at;
        char quote = text[at++];
        StringBuilder value = new();
        while (at < text.Length && text[at] != quote)
        {
            if (text[at] == '\\' && at + 1 < text.Length)
            {
                ReadEscape(source, ref at, value);
            }
            else
            {
                value.Append(text[at++]);
            }
        }

        if (at >= text.Length)
        {
            throw source.Unsupported(start, "the string has no end.");
        }

        at++;
        return value.ToString();
    }

    private static void ReadEscape(TemplateSource source, ref int at, StringBuilder value)
    {
        int start = at;
        char escape = source.Text[at + 1];
        at += 2;
        switch (escape)
        {
            case 'n':
                value.Append('\n');
                break;
            case 't':
                value.Append('\t');
                break;
            case 'r':
                value.Append('\r');
                break;
            case 'b':
                value.Append('\b');
                break;
            case 'f':
                value.Append('\f');
                break;
            case 'v':
                value.Append('\v');
                break;
            case 'a':
                value.Append('\a');
                break;
            case '\\' or '\'' or '"':
                value.Append(escape);
                break;
            case '\n':
                break;
            case 'x' or 'u' or 'U':
                int digits = escape switch { 'x' => 2, 'u' => 4, _ => 8 };
                if (at + digits > source.Text.Length
                    || !int.TryParse(
                        source.Text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                    || !Rune.TryCreate(code, out Rune rune))
                {
                    throw source.Unsupported(start, $"'\\{escape}' is not followed by the {digits} hexadecimal digits of a character.");
                }

                value.Append(rune);
                at += digits;
                break;
            case >= '0' and <= '7' or 'N':
                throw source.Unsupported(start, $"the escape '\\{escape}' in a string is not supported.");
            default:
                value.Append('\\').Append(escape);
                break;
        }
    }
}
