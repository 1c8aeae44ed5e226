using System.Globalization;
using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>The languages of a schema's strings and numbers. Equal constraints share one, and with it the masks of its states.</summary>
internal sealed class ScalarLanguages
{
    /// <summary>How many states all that is built for a schema may have: a state takes some hundred bytes.</summary>
    private const int MaxStates = 500_000;

    private readonly Dictionary<string, TextLanguage?> _known = [];

    private long _states;

    /// <summary>The strings that satisfy all of several schemas; null if there are none.</summary>
    public TextLanguage? Strings(IReadOnlyList<Subschema> parts)
    {
        var constrained = parts
            .Where(part => part.Scalars is not null || part.Pattern is not null || part.Format is not null || part.MinLength > 0
                || part.MaxLength is not null)
            .ToArray();
        return Known("strings", constrained, () => BuildStrings(constrained));
    }

    /// <summary>The numbers that satisfy all of several schemas, as they are written; null if there are none.</summary>
    /// <param name="parts">The schemas.</param>
    /// <param name="types">Whether they may be integers or anything else.</param>
    public TextLanguage? Numbers(IReadOnlyList<Subschema> parts, JsonTypes types)
    {
        var constrained = parts
            .Where(part => part.Scalars is not null || part.Minimum is not null || part.ExclusiveMinimum is not null
                || part.Maximum is not null || part.ExclusiveMaximum is not null || part.MultipleOf is not null)
            .ToArray();
        return Known($"numbers {types & JsonTypes.Number}", constrained, () => BuildNumbers(constrained, types));
    }

    /// <summary>Builds a language, and counts its states.</summary>
    /// <exception cref="UnsupportedSchemaException">It cannot be built, or there are too many.</exception>
    public TextLanguage Track(string location, Func<TextLanguage> build)
    {
        try
        {
            var language = build();
            _states += language.StateCount;
            return _states <= MaxStates
                ? language
                : throw new UnsupportedSchemaException(location, $"The schema's strings and numbers take more than {MaxStates} states.");
        }
        catch (UnsupportedSchemaException e) when (e.Location != location)
        {
            throw new UnsupportedSchemaException(location, e.Message);
        }
    }

    private TextLanguage? Known(string kind, Subschema[] parts, Func<TextLanguage?> build)
    {
        var key = $"{kind} {string.Join(' ', parts.Select(Key))}";
        if (!_known.TryGetValue(key, out var language))
        {
            _known.Add(key, language = build());
        }

        return language;
    }

    private static string Key(Subschema part)
        => part.Scalars is not null
            ? part.Id.ToString(CultureInfo.InvariantCulture)
            : JsonSerializer.Serialize(new object?[]
            {
                part.Pattern, part.Format, part.MinLength, part.MaxLength, part.Minimum?.ToString(), part.ExclusiveMinimum?.ToString(),
                part.Maximum?.ToString(), part.ExclusiveMaximum?.ToString(), part.MultipleOf?.ToString(),
            });

    private TextLanguage? BuildStrings(Subschema[] parts)
    {
        TextLanguage? language = null;

        // The fewest states first: literals, then lengths.
        foreach (var part in parts.Where(part => part.Scalars is not null))
        {
            var literals = part.Scalars!.Where(scalar => scalar.ValueKind is JsonValueKind.String).Select(scalar => scalar.GetString()!);
            Narrow(part.Location, () => TextLanguage.Literals(literals));
        }

        foreach (var part in parts)
        {
            if (part.MinLength > 0 || part.MaxLength is not null)
            {
                if (part.MaxLength < part.MinLength)
                {
                    return null;
                }

                Narrow($"{part.Location}/{(part.MaxLength is null ? "minLength" : "maxLength")}",
                    () => TextLanguage.Length(part.MinLength ?? 0, part.MaxLength));
            }

            if (part.Format is { } format)
            {
                Narrow($"{part.Location}/format", () => StringFormats.Of(format));
            }

            if (part.Pattern is { } pattern)
            {
                Narrow($"{part.Location}/pattern", () => TextLanguage.Pattern(pattern, wholeText: false));
            }
        }

        language ??= TextLanguage.Any;
        return language.IsEmpty ? null : language;

        void Narrow(string location, Func<TextLanguage> build)
        {
            var next = Track(location, build);
            language = language is null ? next : Track(location, () => language.Intersect(next));
        }
    }

    private TextLanguage? BuildNumbers(Subschema[] parts, JsonTypes types)
    {
        NumberBounds bounds = default;
        var divisors = new List<(string Location, DecimalNumber Divisor)>();
        foreach (var part in parts)
        {
            bounds = bounds.Within(part);
            if (part.MultipleOf is { } divisor)
            {
                divisors.Add(($"{part.Location}/multipleOf", Checked(part, divisor)));
            }
        }

        if (parts.Where(part => part.Scalars is not null).ToArray() is { Length: > 0 } enums)
        {
            return Literals(enums, types, bounds, divisors);
        }

        var isInteger = (types & JsonTypes.Fraction) == 0 || divisors.Exists(divisor => divisor.Divisor.Scale == 0);
        if (isInteger && (types & JsonTypes.Integer) == 0)
        {
            return null;
        }

        var location = parts.Length == 0 ? "#" : parts[0].Location;
        var language = Track(location, () => bounds.Language(isInteger));
        foreach (var (at, divisor) in divisors)
        {
            var multiples = Track(at, () => divisor.Scale == 0
                ? NumberLanguage.Multiples(divisor.Coefficient)
                : TextLanguage.Pattern($@"-?\d+(\.\d{{1,{divisor.Scale}}})?", wholeText: true));
            language = Track(at, () => language.Intersect(multiples));
        }

        return language.IsEmpty ? null : language;
    }

    private static DecimalNumber Checked(Subschema part, DecimalNumber divisor)
        => divisor.Sign > 0 && (divisor.Scale == 0 || divisor.Coefficient.IsOne)
            ? divisor
            : throw new UnsupportedSchemaException(
                $"{part.Location}/multipleOf", "'multipleOf' is supported for positive integers, and for 0.1, 0.01 and so on.");

    /// <summary>The numbers of all of several enums, in the ways in which the first of them writes them.</summary>
    private TextLanguage? Literals(
        Subschema[] enums, JsonTypes types, NumberBounds bounds, List<(string Location, DecimalNumber Divisor)> divisors)
    {
        var values = enums.Select(part => part.Scalars!
            .Where(scalar => scalar.ValueKind is JsonValueKind.Number)
            .Select(scalar => (Text: scalar.GetRawText(), Value: DecimalNumber.Parse(scalar.GetRawText())))
            .ToArray()).ToArray();
        var others = values.Skip(1).Select(other => other.Select(number => number.Value).ToHashSet()).ToArray();
        var texts = values[0]
            .Where(number => others.All(other => other.Contains(number.Value))
                && (types & (number.Value.Scale == 0 ? JsonTypes.Integer : JsonTypes.Fraction)) != 0
                && bounds.Contains(number.Value)
                && divisors.TrueForAll(divisor => NumberBounds.IsMultiple(number.Value, divisor.Divisor)))
            .Select(number => number.Text)
            .ToArray();
        return texts.Length == 0 ? null : Track(enums[0].Location, () => TextLanguage.Literals(texts));
    }
}
