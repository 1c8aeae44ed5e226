using System.Collections.Concurrent;
using DeepSeekEngine.Tokenizer.Patterns;

namespace DeepSeekEngine.Constraints;

/// <summary>The sets of scalar values that regular expressions have names for, as ECMA-262 defines them.</summary>
internal static class ScalarProperties
{
    /// <summary>Long names of the general categories, and their short ones.</summary>
    private static readonly Dictionary<string, string> s_longNames = new()
    {
        ["Letter"] = "L", ["Uppercase_Letter"] = "Lu", ["Lowercase_Letter"] = "Ll", ["Titlecase_Letter"] = "Lt",
        ["Modifier_Letter"] = "Lm", ["Other_Letter"] = "Lo",
        ["Mark"] = "M", ["Combining_Mark"] = "M", ["Nonspacing_Mark"] = "Mn", ["Spacing_Mark"] = "Mc", ["Enclosing_Mark"] = "Me",
        ["Number"] = "N", ["Decimal_Number"] = "Nd", ["digit"] = "Nd", ["Letter_Number"] = "Nl", ["Other_Number"] = "No",
        ["Punctuation"] = "P", ["punct"] = "P", ["Connector_Punctuation"] = "Pc", ["Dash_Punctuation"] = "Pd",
        ["Open_Punctuation"] = "Ps", ["Close_Punctuation"] = "Pe", ["Initial_Punctuation"] = "Pi", ["Final_Punctuation"] = "Pf",
        ["Other_Punctuation"] = "Po",
        ["Symbol"] = "S", ["Math_Symbol"] = "Sm", ["Currency_Symbol"] = "Sc", ["Modifier_Symbol"] = "Sk", ["Other_Symbol"] = "So",
        ["Separator"] = "Z", ["Space_Separator"] = "Zs", ["Line_Separator"] = "Zl", ["Paragraph_Separator"] = "Zp",
        ["Other"] = "C", ["Control"] = "Cc", ["cntrl"] = "Cc", ["Format"] = "Cf", ["Surrogate"] = "Cs", ["Private_Use"] = "Co",
        ["Unassigned"] = "Cn",
    };

    private static readonly ConcurrentDictionary<string, ScalarSet?> s_categories = new();

    /// <summary>What <c>\d</c> matches.</summary>
    public static ScalarSet Digits { get; } = ScalarSet.Of(('0', '9'));

    /// <summary>What <c>\w</c> matches.</summary>
    public static ScalarSet Words { get; } = ScalarSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));

    /// <summary>What <c>\s</c> matches.</summary>
    public static ScalarSet Spaces { get; } = ScalarSet.Of(
        ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
        (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    /// <summary>What a dot matches: all but what ends a line.</summary>
    public static ScalarSet Dot { get; } = ScalarSet.Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)).Complement();

    /// <summary>
    /// What <c>\p{name}</c> matches: a general category by its long or short name; null for a name that is none of these.
    /// </summary>
    public static ScalarSet? Find(string name)
    {
        string value = name;
        foreach (string prefix in (ReadOnlySpan<string>)["General_Category=", "gc="])
        {
            value = value.StartsWith(prefix, StringComparison.Ordinal) ? value[prefix.Length..] : value;
        }

        string category = s_longNames.GetValueOrDefault(value, value);
        return category.Length > 2 ? null : s_categories.GetOrAdd(category, Category);
    }

    private static ScalarSet? Category(string name)
    {
        CharacterClassBuilder members = new();
        return members.TryAddCategory(name, negated: false) ? ScalarSet.Where(members.Build().Contains) : null;
    }
}
