using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>Parses what stands for one code point: a character, an escape, a class in brackets.</summary>
internal sealed class CharacterParser(PatternReader reader)
{
    /// <summary>
    /// Parses one code point's worth, other than the characters with a meaning of their own, which the caller has dealt with.
    /// </summary>
    public CharacterNode Parse(bool ignoreCase)
    {
        CharacterClassBuilder members = new() { IgnoreCase = ignoreCase };
        switch (reader.Take())
        {
            case '.':
                members.Add('\n', '\n');
                members.Negated = true;
                break;
            case '[':
                ParseClass(members);
                break;
            case '\\':
                AddOne(members, ParseEscape(members));
                break;
            case int literal:
                members.Add(literal, literal);
                break;
        }

        return ignoreCase && members.HasCategories
            ? throw reader.Source.Unsupported("a property, such as \\p{L}, where case is ignored")
            : new CharacterNode(members.Build());
    }

    private static void AddOne(CharacterClassBuilder members, int? codePoint)
    {
        if (codePoint is int value)
        {
            members.Add(value, value);
        }
    }

    private void ParseClass(CharacterClassBuilder members)
    {
        members.Negated = reader.TryTake("^");
        if (reader.Peek() == ']')
        {
            throw reader.Source.Unsupported("']' as the first character of a class; write '\\]'");
        }

        while (!reader.TryTake("]"))
        {
            int? first = ParseMember(members);
            if (first is int low && reader.Source.Text.AsSpan(reader.Position) is ['-', not ']', ..])
            {
                reader.Take();
                int high = ParseMember(members) ?? throw reader.Source.Malformed("a range in a class ends in a set of characters");
                if (high < low)
                {
                    string range = $"{PatternReader.Show(low)}-{PatternReader.Show(high)}";
                    throw reader.Source.Malformed($"the range '{range}' in a class is upside down");
                }

                members.Add(low, high);
            }
            else
            {
                AddOne(members, first);
            }
        }
    }

    /// <summary>
    /// Parses a character, which is returned, or an escape that stands for a set, which is added to <paramref name="members"/>.
    /// </summary>
    private int? ParseMember(CharacterClassBuilder members)
    {
        if (reader.TryTake("&&"))
        {
            throw reader.Source.Unsupported("an intersection of classes");
        }

        int value = reader.Take();
        return value switch
        {
            '[' => throw reader.Source.Unsupported("a class within a class"),
            '\\' => ParseEscape(members),
            _ => value,
        };
    }

    /// <summary>
    /// Parses what follows a backslash: a character, which is returned, or a set, which is added to <paramref name="members"/>.
    /// </summary>
    private int? ParseEscape(CharacterClassBuilder members)
    {
        int value = reader.Take();
        switch (value)
        {
            case 's' or 'S':
                members.AddWhiteSpace(negated: value == 'S');
                return null;
            case 'd' or 'D':
                members.TryAddCategory("Nd", negated: value == 'D');
                return null;
            case 'p' or 'P':
                ParseProperty(members, negated: value == 'P');
                return null;
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'v':
                return '\v';
            case 'f':
                return '\f';
            case 'x':
                return ParseHexadecimal(reader.TryTake("{") ? null : 2, largest: 0x7F);
            case 'u':
                return ParseHexadecimal(reader.TryTake("{") ? null : 4, largest: 0xFFFF);
            default:
                return value < 128 && char.IsAsciiLetterOrDigit((char)value)
                    ? throw reader.Source.Unsupported($"the escape '\\{(char)value}'")
                    : value;
        }
    }

    private void ParseProperty(CharacterClassBuilder members, bool negated)
    {
        if (!reader.TryTake("{"))
        {
            throw reader.Source.Unsupported("a property without braces");
        }

        negated ^= reader.TryTake("^");
        string name = TakeUntilBrace();
        if (!members.TryAddCategory(name, negated))
        {
            throw reader.Source.Unsupported($"the property '{name}', which is not the short name of a general category");
        }
    }

    /// <summary>
    /// Parses so many digits up to <paramref name="largest"/> or, if null, those up to a closing brace, for any code point.
    /// </summary>
    private int ParseHexadecimal(int? digits, int largest)
    {
        string text;
        if (digits is int count)
        {
            StringBuilder taken = new();
            for (int i = 0; i < count; i++)
            {
                taken.Append(PatternReader.Show(reader.Take()));
            }

            text = taken.ToString();
        }
        else
        {
            text = TakeUntilBrace();
            largest = CharacterClassBuilder.LastCodePoint;
        }

        return int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            && value >= 0 && value <= largest
            ? value
            : throw reader.Source.Unsupported($"the character of hexadecimal number '{text}'");
    }

    private string TakeUntilBrace()
    {
        StringBuilder taken = new();
        while (!reader.TryTake("}"))
        {
            taken.Append(PatternReader.Show(reader.Take()));
        }

        return taken.ToString();
    }
}
