namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>Collects the members of a <see cref="CharacterClass"/>.</summary>
internal sealed class CharacterClassBuilder
{
    public const int LastCodePoint = 0x10FFFF;

    /// <summary>Short names of the general categories in the order of <see cref="System.Globalization.UnicodeCategory"/>.</summary>
    private static readonly string[] s_categoryNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc",
        "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly uint s_allCategories = (1u << s_categoryNames.Length) - 1;

    /// <summary>Unicode White_Space, which is what Oniguruma's \s matches.</summary>
    private static readonly (int First, int Last)[] s_whiteSpace =
    [
        (0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
        (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
    ];

    private readonly List<(int First, int Last)> _ranges = [];

    private uint _categories;

    /// <summary>Whether the members are all but those added.</summary>
    public bool Negated { get; set; }

    /// <summary>Whether case does not matter.</summary>
    public bool IgnoreCase { get; init; }

    /// <summary>Whether a category was added.</summary>
    public bool HasCategories => _categories != 0;

    public void Add(int first, int last) => _ranges.Add((first, last));

    public void AddWhiteSpace(bool negated)
    {
        if (!negated)
        {
            _ranges.AddRange(s_whiteSpace);
            return;
        }

        int first = 0;
        foreach ((int start, int end) in s_whiteSpace)
        {
            _ranges.Add((first, start - 1));
            first = end + 1;
        }

        _ranges.Add((first, LastCodePoint));
    }

    /// <summary>Adds a category by its name of two letters, or all whose name begins with one letter; or all but those.</summary>
    /// <returns>Whether there is such a category.</returns>
    public bool TryAddCategory(string name, bool negated)
    {
        uint categories = 0;
        for (int i = 0; i < s_categoryNames.Length; i++)
        {
            categories |= s_categoryNames[i] == name || (name.Length == 1 && s_categoryNames[i][0] == name[0]) ? 1u << i : 0;
        }

        _categories |= negated ? s_allCategories & ~categories : categories;
        return categories != 0;
    }

    public CharacterClass Build()
    {
        _ranges.Sort();
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in _ranges)
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return new CharacterClass([.. merged], _categories, Negated, IgnoreCase);
    }
}
