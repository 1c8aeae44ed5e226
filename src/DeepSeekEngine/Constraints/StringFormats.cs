namespace DeepSeekEngine.Constraints;

/// <summary>What the formats of strings look like.</summary>
internal static class StringFormats
{
    private const string Year = @"(\d\d\d[1-9]|\d\d[1-9]0|\d[1-9]00|[1-9]000)";

    private const string LeapYear = @"(\d\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)";

    private const string Date = $@"({Year}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
        + $"|{LeapYear}-02-29)";

    private const string Time = @"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?([Zz]|[+\-](0\d|1[0-3]):[0-5]\d)";

    private const string Label = "[A-Za-z0-9]([A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?";

    private const string Byte = @"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";

    private const string Hex = "[0-9A-Fa-f]";

    private const string Atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-]+";

    private static readonly Dictionary<string, Lazy<TextLanguage>> s_formats = new()
    {
        ["date"] = Whole(Date),
        ["time"] = Whole(Time),
        ["date-time"] = Whole($"{Date}[Tt]{Time}"),
        ["email"] = Whole($@"{Atom}(\.{Atom})*@({Label}\.)+[A-Za-z]{{2,63}}"),
        ["hostname"] = Whole($@"{Label}(\.{Label})*", maxLength: 253),
        ["ipv4"] = Whole($@"({Byte}\.){{3}}{Byte}"),
        ["uuid"] = Whole($"{Hex}{{8}}-{Hex}{{4}}-{Hex}{{4}}-{Hex}{{4}}-{Hex}{{12}}"),
    };

    /// <summary>The texts of a format.</summary>
    /// <exception cref="UnsupportedSchemaException">It is not supported.</exception>
    public static TextLanguage Of(string format)
        => s_formats.TryGetValue(format, out var language)
            ? language.Value
            : throw new UnsupportedSchemaException(
                format, $"The format '{format}' is not supported; these are: {string.Join(", ", s_formats.Keys.Order(StringComparer.Ordinal))}.");

    private static Lazy<TextLanguage> Whole(string pattern, int? maxLength = null)
        => new(() =>
        {
            var language = TextLanguage.Pattern(pattern, wholeText: true);
            return maxLength is null ? language : language.Intersect(TextLanguage.Length(0, maxLength));
        });
}
