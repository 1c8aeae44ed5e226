using System.Globalization;

namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>What Python does with the values of a template: truth, text, equality, order, membership, arithmetic.</summary>
internal static class Operations
{
    private const int MaxValueDepth = 64;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        long integer => integer != 0,
        double number => number != 0,
        PromptText text => text.Length > 0,
        IReadOnlyList<object?> list => list.Count > 0,
        Map map => map.Entries.Count > 0,
        _ => true,
    };

    /// <summary>What <c>{{ value }}</c> prints.</summary>
    public static PromptText ToText(Evaluation evaluation, object? value) => value switch
    {
        PromptText text => text,
        null => PromptText.Trusted("None"),
        Undefined => PromptText.Empty,
        bool truth => PromptText.Trusted(truth ? "True" : "False"),
        long integer => PromptText.Trusted(integer.ToString(CultureInfo.InvariantCulture)),
        double number => PromptText.Trusted(FloatText(number)),
        _ => throw evaluation.Error($"printing {Describe(value)} is not supported; 'tojson' is."),
    };

    public static string FloatText(double number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return double.IsInteger(number) && !text.Contains('E', StringComparison.Ordinal) ? text + ".0" : text;
    }

    public static PromptText Concatenate(Evaluation evaluation, PromptText left, PromptText right)
    {
        evaluation.Charge((long)left.Length + right.Length);
        return left + right;
    }

    /// <summary>What a for loop runs over.</summary>
    public static IReadOnlyList<object?> Items(Evaluation evaluation, object? value)
    {
        switch (value)
        {
            case Undefined:
                return [];
            case IReadOnlyList<object?> list:
                return list;
            case Map map:
                evaluation.Charge(map.Entries.Count);
                return [.. map.Entries.Select(entry => entry.Key)];
            case PromptText text:
                CodePoints points = new(evaluation, text);
                evaluation.ChargeValues(points.Count);
                return [.. Enumerable.Range(0, points.Count).Select(points.At)];
            default:
                throw evaluation.Error($"{Describe(value)} cannot be iterated over.");
        }
    }

    public static bool AreEqual(Evaluation evaluation, object? left, object? right) => AreEqual(evaluation, left, right, 0);

    public static bool Contains(Evaluation evaluation, object? container, object? item)
    {
        switch (container)
        {
            case PromptText text when item is PromptText part:
                evaluation.ChargeSearch(text.Length, part.Length);
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case Map map:
                return item is PromptText key && Subscripts.TryGet(evaluation, map, key, out _);
            case IReadOnlyList<object?> list:
                evaluation.Charge(list.Count);
                return list.Any(element => AreEqual(evaluation, element, item));
            case Undefined:
                return false;
            default:
                throw evaluation.Error($"whether {Describe(item)} is in {Describe(container)} cannot be said.");
        }
    }

    public static bool Compare(Evaluation evaluation, string comparison, object? left, object? right)
    {
        ChargeComparison(evaluation, left, right);
        int order = (left, right) switch
        {
            (PromptText a, PromptText b) => string.CompareOrdinal(a.Text, b.Text),
            _ when TryInteger(left, out long a) && TryInteger(right, out long b) => a.CompareTo(b),
            _ when TryNumber(left, out double a) && TryNumber(right, out double b) => a.CompareTo(b),
            _ => throw evaluation.Error($"{Describe(left)} and {Describe(right)} have no order."),
        };
        return comparison switch
        {
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            _ => order >= 0,
        };
    }

    public static object? Arithmetic(Evaluation evaluation, string symbol, object? left, object? right)
    {
        try
        {
            return (symbol, left, right) switch
            {
                ("+", PromptText a, PromptText b) => Concatenate(evaluation, a, b),
                ("+", IReadOnlyList<object?> a, IReadOnlyList<object?> b) => ConcatenateLists(evaluation, a, b),
                ("*", PromptText a, long count) => Repeat(evaluation, a, count),
                _ when symbol != "/" && TryInteger(left, out long a) && TryInteger(right, out long b) => IntegerArithmetic(symbol, a, b),
                _ when TryNumber(left, out double a) && TryNumber(right, out double b) => FloatArithmetic(symbol, a, b),
                _ => throw evaluation.Error($"'{symbol}' is not supported between {Describe(left)} and {Describe(right)}."),
            };
        }
        catch (ArithmeticException e)
        {
            throw evaluation.Error($"'{symbol}' of {Describe(left)} and {Describe(right)}: {e.Message}");
        }
    }

    public static bool TryInteger(object? value, out long integer)
    {
        integer = value switch { long number => number, true => 1, _ => 0 };
        return value is long or bool;
    }

    public static bool TryNumber(object? value, out double number)
    {
        bool isInteger = TryInteger(value, out long integer);
        number = value is double floating ? floating : integer;
        return isInteger || value is double;
    }

    /// <summary>A value's kind, for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "none",
        Undefined undefined => $"'{undefined.Name}', which is undefined,",
        bool => "a boolean",
        long or double => "a number",
        PromptText => "a string",
        IReadOnlyList<object?> => "a list",
        Map => "a mapping",
        _ => $"a {value.GetType().Name.ToLowerInvariant()}",
    };

    /// <summary>
    /// Values can share parts, so that comparing them takes far longer than making them did: each comparison is accounted for.
    /// </summary>
    private static bool AreEqual(Evaluation evaluation, object? left, object? right, int depth)
    {
        if (depth > MaxValueDepth)
        {
            throw evaluation.Error($"values nested more than {MaxValueDepth} deep are compared.");
        }

        ChargeComparison(evaluation, left, right);
        return (left, right) switch
        {
            (null, null) => true,
            (Undefined, Undefined) => true,
            (PromptText a, PromptText b) => a.Text == b.Text,
            (IReadOnlyList<object?> a, IReadOnlyList<object?> b) => a.Count == b.Count
                && a.Zip(b).All(pair => AreEqual(evaluation, pair.First, pair.Second, depth + 1)),
            (Map a, Map b) => a.Entries.Count == b.Entries.Count && a.Entries.All(entry =>
                Subscripts.TryGet(evaluation, b, entry.Key, out object? other) && AreEqual(evaluation, entry.Value, other, depth + 1)),
            _ when TryInteger(left, out long a) && TryInteger(right, out long b) => a == b,
            _ when TryNumber(left, out double a) && TryNumber(right, out double b) => a == b,
            _ => ReferenceEquals(left, right),
        };
    }

    private static void ChargeComparison(Evaluation evaluation, object? left, object? right)
        => evaluation.Charge(left is PromptText a && right is PromptText b ? 1 + Math.Min(a.Length, b.Length) : 1);

    private static List<object?> ConcatenateLists(Evaluation evaluation, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        evaluation.Charge(8 * ((long)left.Count + right.Count));
        return [.. left, .. right];
    }

    private static PromptText Repeat(Evaluation evaluation, PromptText text, long count)
    {
        evaluation.Charge(checked(Math.Max(count, 0) * (text.Length + 1)));
        PromptTextBuilder builder = new();
        for (long i = 0; i < count; i++)
        {
            builder.Append(text);
        }

        return builder.ToPromptText();
    }

    /// <summary>Division rounds down and a remainder has its divisor's sign, as in Python.</summary>
    private static object IntegerArithmetic(string symbol, long left, long right) => symbol switch
    {
        "+" => checked(left + right),
        "-" => checked(left - right),
        "*" => checked(left * right),
        "//" => FloorDivide(left, right),
        _ => checked(left - (FloorDivide(left, right) * right)),
    };

    private static long FloorDivide(long left, long right)
    {
        // Not left to the processor's trap: some OpenCL drivers replace the process's handler for it and let the division pass.
        if (right == 0)
        {
            throw new DivideByZeroException();
        }

        if (right == -1)
        {
            return checked(-left);
        }

        (long quotient, long remainder) = Math.DivRem(left, right);
        return remainder != 0 && (remainder < 0) != (right < 0) ? quotient - 1 : quotient;
    }

    private static object FloatArithmetic(string symbol, double left, double right) => symbol switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        _ when right == 0 => throw new DivideByZeroException(),
        "/" => left / right,
        "//" => Math.Floor(left / right),
        _ => left - (Math.Floor(left / right) * right),
    };
}
