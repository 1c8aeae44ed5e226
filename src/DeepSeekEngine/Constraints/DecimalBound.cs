namespace DeepSeekEngine.Constraints;

/// <summary>
/// A bound on a decimal number whose digits come one by one. That is compared without its sign: less than (-1), equal to (0) or greater
/// than (1) as many digits of the bound as it has itself.
/// </summary>
internal sealed class DecimalBound(DecimalNumber number, bool exclusive)
{
    private readonly string _integer = number.IntegerDigits;

    private readonly string _fraction = number.FractionDigits;

    public int IntegerDigits => _integer.Length;

    public int FractionDigits => _fraction.Length;

    public bool IsNegative => number.Sign < 0;

    /// <summary>The comparison with one digit more before the point.</summary>
    /// <param name="comparison">That of the digits before it.</param>
    /// <param name="count">How many these are.</param>
    /// <param name="digit">The digit, 0 to 9.</param>
    public int CompareInteger(int comparison, int count, int digit)
        => count >= _integer.Length ? 1 : comparison != 0 ? comparison : digit.CompareTo(_integer[count] - '0');

    /// <summary>The comparison when there are no more digits before the point.</summary>
    public int EndInteger(int comparison, int count) => count < _integer.Length ? -1 : comparison;

    /// <summary>The comparison with one digit more behind the point; see <see cref="CompareInteger"/>.</summary>
    public int CompareFraction(int comparison, int count, int digit)
        => comparison != 0 ? comparison : digit.CompareTo(count < _fraction.Length ? _fraction[count] - '0' : 0);

    /// <summary>Whether a number that ends is on the right side.</summary>
    /// <param name="comparison">The comparison of all its digits.</param>
    /// <param name="fractionDigits">How many of them are behind the point.</param>
    /// <param name="negative">Whether a minus is before them.</param>
    /// <param name="side">1 if the number has to be greater than the bound, and -1 if less.</param>
    public bool Allows(int comparison, int fractionDigits, bool negative, int side)
    {
        // The last digit of a fraction is not 0, so that a number that lacks it is less.
        int magnitude = comparison == 0 && fractionDigits < _fraction.Length ? -1 : comparison;
        int value = negative
            ? number.Sign > 0 ? -1 : -magnitude
            : number.Sign < 0 ? 1 : magnitude;
        return value == side || (value == 0 && !exclusive);
    }
}
