using System.Globalization;
using System.Numerics;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// Numbers as JSON writes them. How many digits they have is bounded, so that whoever reads an answer can hold what it says: without
/// bounds of their own integers fit in a <see cref="long"/>, and other numbers in a <see cref="decimal"/> and are finite as a
/// <see cref="double"/>.
/// </summary>
internal static class NumberLanguage
{
    /// <summary>Any number of these fits in a <see cref="long"/>.</summary>
    private const int LongDigits = 18;

    /// <summary>With <see cref="FractionDigits"/> these are 28 digits, as many as any <see cref="decimal"/> holds exactly.</summary>
    private const int IntegerDigits = 15;

    private const int FractionDigits = 13;

    private const int MaxDivisor = 100_000;

    /// <summary>JSON's whole grammar, with exponents that move the point by at most 13 places: the largest number is below 1e28.</summary>
    private static readonly TextLanguage s_numbers = TextLanguage.Pattern(
        $@"-?(0|[1-9]\d{{0,{IntegerDigits - 1}}})(\.\d{{1,{FractionDigits}}})?([eE][+\-]?(0?\d|1[0-3]))?", wholeText: true);

    /// <summary>
    /// Integers without a fraction or an exponent, and without a minus before zero. On a side without a bound they have at most 18 digits,
    /// or one more than a bound of the same sign.
    /// </summary>
    /// <param name="min">What they are greater than, or equal to; null for no bound.</param>
    /// <param name="minExclusive">Whether they may not be equal to it.</param>
    /// <param name="max">What they are less than, or equal to; null for no bound.</param>
    /// <param name="maxExclusive">Whether they may not be equal to it.</param>
    public static TextLanguage Integers(DecimalNumber? min, bool minExclusive, DecimalNumber? max, bool maxExclusive)
        => DecimalBuilder.Build(Bound(min, minExclusive), Bound(max, maxExclusive), LongDigits, fractionDigits: 0);

    /// <summary>
    /// Numbers whose exact value is within bounds. Without bounds they have at most 15 digits before the point and 13 behind it, and an
    /// exponent of at most 13 either way. With a bound they have no exponent, and of the digits one more than a bound has, if that is more:
    /// so there are always some between two bounds.
    /// </summary>
    /// <param name="min">What they are greater than, or equal to; null for no bound.</param>
    /// <param name="minExclusive">Whether they may not be equal to it.</param>
    /// <param name="max">What they are less than, or equal to; null for no bound.</param>
    /// <param name="maxExclusive">Whether they may not be equal to it.</param>
    public static TextLanguage Numbers(DecimalNumber? min, bool minExclusive, DecimalNumber? max, bool maxExclusive)
        => min is null && max is null
            ? s_numbers
            : DecimalBuilder.Build(Bound(min, minExclusive), Bound(max, maxExclusive), IntegerDigits, FractionDigits);

    /// <summary>Integers of any number of digits that a number divides.</summary>
    /// <param name="divisor">From 1 to 100,000.</param>
    /// <exception cref="UnsupportedSchemaException">It is not.</exception>
    public static TextLanguage Multiples(BigInteger divisor)
        => divisor > 0 && divisor <= MaxDivisor
            ? new MultiplesBuilder((int)divisor).Build(default)
            : throw new UnsupportedSchemaException(
                $"the multiples of {ExpressionReader.Shown(divisor.ToString(CultureInfo.InvariantCulture))}",
                $"only numbers from 1 to {MaxDivisor} are supported");

    private static DecimalBound? Bound(DecimalNumber? number, bool exclusive)
        => number is DecimalNumber bound ? new DecimalBound(bound, exclusive) : null;
}
