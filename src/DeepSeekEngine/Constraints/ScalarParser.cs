using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Constraints;

/// <summary>Parses what stands for one scalar value in a regular expression: a character, an escape, a class in brackets.</summary>
internal sealed class ScalarParser(ExpressionReader reader)
{
    /// <summary>How many ranges all classes of an expression may have; \p{L} alone has some 650.</summary>
    private const int MaxRanges = 100_000;

    private int _ranges;

    /// <summary>Parses what follows an opening bracket, up to the closing one.</summary>
    public ScalarSet ParseClass()
    {
        int start = reader.Position - 1;
        bool negated = reader.TryTake("^");
        List<ScalarSet> members = [];
        while (!reader.TryTake("]"))
        {
            int position = reader.Position;
            (ScalarSet set, int? first) = ParseMember();
            if (reader.Peek() != '-')
            {
                members.Add(set);
                continue;
            }

            reader.Take();
            if (reader.Peek() == ']')
            {
                members.Add(set);
                members.Add(ScalarSet.Of('-'));
                continue;
            }

            (_, int? last) = ParseMember();
            if (first is not int low || last is not int high)
            {
                throw reader.Error(position, "a range of a class that begins or ends with a set of characters");
            }

            members.Add(low <= high ? ScalarSet.Of((low, high)) : throw reader.Error(position, "a range of a class that is upside down"));
        }

        ScalarSet union = ScalarSet.Union(members);
        _ranges += union.Ranges.Count;
        if (_ranges > MaxRanges)
        {
            throw reader.Error(start, $"a class that, with those before it, has more than {MaxRanges} ranges of characters");
        }

        return negated ? union.Complement() : union;
    }

    /// <summary>Parses what follows a backslash: a set, and where that is one character, which.</summary>
    public (ScalarSet Set, int? Scalar) ParseEscape()
    {
        int position = reader.Position - 1;
        int escaped = reader.Take();
        switch (escaped)
        {
            case 'd':
                return (ScalarProperties.Digits, null);
            case 'D':
                return (ScalarProperties.Digits.Complement(), null);
            case 'w':
                return (ScalarProperties.Words, null);
            case 'W':
                return (ScalarProperties.Words.Complement(), null);
            case 's':
                return (ScalarProperties.Spaces, null);
            case 'S':
                return (ScalarProperties.Spaces.Complement(), null);
            case 'p' or 'P':
                ScalarSet members = ParseProperty(position);
                return (escaped == 'p' ? members : members.Complement(), null);
            default:
                int scalar = escaped switch
                {
                    't' => '\t',
                    'n' => '\n',
                    'v' => '\v',
                    'f' => '\f',
                    'r' => '\r',
                    '0' when !char.IsAsciiDigit(reader.Peek()) => '\0',
                    'c' => ParseControl(position),
                    'x' => ParseHexadecimal(2, position),
                    'u' => ParseUnicode(position),
                    >= '1' and <= '9' or 'k' => throw reader.Error(position, "a back reference"),
                    < 0x80 when char.IsAsciiDigit((char)escaped) || char.IsAsciiLetter((char)escaped) || char.IsControl((char)escaped)
                        => throw reader.Error(position, $"the escape '\\{new Rune(escaped)}'"),
                    < 0x80 => escaped,
                    _ => throw reader.Error(position, $"the escape '\\{new Rune(escaped)}'"),
                };
                return (ScalarSet.Of(scalar), scalar);
        }
    }

    private (ScalarSet Set, int? Scalar) ParseMember()
    {
        int scalar = reader.Take();
        if (scalar == '\\')
        {
            if (!reader.TryTake("b"))
            {
                return ParseEscape();
            }

            scalar = '\b';
        }

        return (ScalarSet.Of(scalar), scalar);
    }

    private ScalarSet ParseProperty(int position)
    {
        if (!reader.TryTake("{"))
        {
            throw reader.Error(position, "a property without braces");
        }

        string name = reader.TakeUntil('}');
        return ScalarProperties.Find(name)
            ?? throw reader.Error(position, $"the property '{ExpressionReader.Shown(name)}', which is no general category");
    }

    private int ParseControl(int position)
        => char.IsAsciiLetter(reader.Peek()) ? reader.Take() % 32 : throw reader.Error(position, "'\\c' without a letter");

    private int ParseUnicode(int position)
    {
        if (reader.TryTake("{"))
        {
            string digits = reader.TakeUntil('}');
            return IsHexadecimal(digits)
                && int.TryParse(
                    digits.TrimStart('0').PadLeft(1, '0'), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                && Rune.IsValid(value)
                    ? value
                    : throw reader.Error(position, "'\\u{...}' that is no scalar value's hexadecimal number");
        }

        int unit = ParseHexadecimal(4, position);
        if (!char.IsSurrogate((char)unit))
        {
            return unit;
        }

        return char.IsHighSurrogate((char)unit) && reader.TryTake("\\u")
            && ParseHexadecimal(4, position) is int low && char.IsLowSurrogate((char)low)
                ? char.ConvertToUtf32((char)unit, (char)low)
                : throw reader.Error(position, "a surrogate without its partner, which no text can have");
    }

    private int ParseHexadecimal(int count, int position)
    {
        int value = 0;
        for (int i = 0; i < count; i++)
        {
            value = char.IsAsciiHexDigit(reader.Peek())
                ? (16 * value) + Convert.ToInt32(((char)reader.Take()).ToString(), 16)
                : throw reader.Error(position, $"an escape that lacks {count} hexadecimal digits");
        }

        return value;
    }

    private static bool IsHexadecimal(string text) => text.Length > 0 && text.All(char.IsAsciiHexDigit);
}
