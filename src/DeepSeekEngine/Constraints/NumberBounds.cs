using System.Numerics;

namespace DeepSeekEngine.Constraints;

/// <summary>What numbers are between; null for no bound.</summary>
internal readonly record struct NumberBounds(DecimalNumber? Min, bool IsMinExclusive, DecimalNumber? Max, bool IsMaxExclusive)
{
    /// <summary>Whether <paramref name="divisor"/>, above 0, divides a number.</summary>
    public static bool IsMultiple(DecimalNumber number, DecimalNumber divisor)
    {
        var (left, right) = Aligned(number, divisor);
        return (left % right).IsZero;
    }

    /// <summary>What is within these bounds and a schema's.</summary>
    public NumberBounds Within(Subschema schema)
        => AtLeast(schema.Minimum, isExclusive: false).AtLeast(schema.ExclusiveMinimum, isExclusive: true)
            .AtMost(schema.Maximum, isExclusive: false).AtMost(schema.ExclusiveMaximum, isExclusive: true);

    public bool Contains(DecimalNumber number)
        => (Min is not { } min || Compare(number, min) is var low && (IsMinExclusive ? low > 0 : low >= 0))
            && (Max is not { } max || Compare(number, max) is var high && (IsMaxExclusive ? high < 0 : high <= 0));

    /// <summary>The numbers within, as they are written.</summary>
    public TextLanguage Language(bool isInteger)
        => isInteger
            ? NumberLanguage.Integers(Min, IsMinExclusive, Max, IsMaxExclusive)
            : NumberLanguage.Numbers(Min, IsMinExclusive, Max, IsMaxExclusive);

    private static int Compare(DecimalNumber left, DecimalNumber right)
    {
        var (first, second) = Aligned(left, right);
        return first.CompareTo(second);
    }

    private static (BigInteger Left, BigInteger Right) Aligned(DecimalNumber left, DecimalNumber right)
    {
        var scale = Math.Max(left.Scale, right.Scale);
        return (left.Coefficient * BigInteger.Pow(10, scale - left.Scale), right.Coefficient * BigInteger.Pow(10, scale - right.Scale));
    }

    private NumberBounds AtLeast(DecimalNumber? bound, bool isExclusive)
        => bound is { } min && (Min is not { } known || Compare(min, known) is var order && (order > 0 || (order == 0 && isExclusive)))
            ? this with { Min = min, IsMinExclusive = isExclusive }
            : this;

    private NumberBounds AtMost(DecimalNumber? bound, bool isExclusive)
        => bound is { } max && (Max is not { } known || Compare(max, known) is var order && (order < 0 || (order == 0 && isExclusive)))
            ? this with { Max = max, IsMaxExclusive = isExclusive }
            : this;
}
