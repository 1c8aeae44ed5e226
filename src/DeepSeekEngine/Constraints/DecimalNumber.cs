using System.Globalization;
using System.Numerics;

namespace DeepSeekEngine.Constraints;

/// <summary>An exact decimal number, coefficient / 10^scale, of a size that a bound in a schema may sensibly have.</summary>
internal readonly record struct DecimalNumber
{
    /// <summary>How many digits there may be on either side of the point.</summary>
    private const int MaxDigits = 100;

    private const int MaxTextLength = 1000;

    private DecimalNumber(BigInteger coefficient, int scale)
    {
        Coefficient = coefficient;
        Scale = scale;
    }

    public BigInteger Coefficient { get; }

    /// <summary>How many digits are behind the point, the last of which is not 0.</summary>
    public int Scale { get; }

    public int Sign => Coefficient.Sign;

    /// <summary>The digits before the point, "0" where there are none.</summary>
    public string IntegerDigits
        => BigInteger.Divide(BigInteger.Abs(Coefficient), BigInteger.Pow(10, Scale)).ToString(CultureInfo.InvariantCulture);

    /// <summary>The digits behind the point.</summary>
    public string FractionDigits => Scale == 0
        ? ""
        : BigInteger.Remainder(BigInteger.Abs(Coefficient), BigInteger.Pow(10, Scale))
            .ToString(CultureInfo.InvariantCulture).PadLeft(Scale, '0');

    public static DecimalNumber operator -(DecimalNumber value) => new(-value.Coefficient, value.Scale);

    /// <summary>Reads a number as JSON writes it.</summary>
    /// <param name="text">A JSON number.</param>
    /// <exception cref="UnsupportedSchemaException">It has more than 100 digits before or behind the point, or is no number.</exception>
    public static DecimalNumber Parse(string text)
    {
        int exponentAt = text.IndexOfAny(['e', 'E']);
        string mantissa = exponentAt < 0 ? text : text[..exponentAt];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        int exponent = 0;
        if (text.Length > MaxTextLength
            || !BigInteger.TryParse(
                mantissa.Replace(".", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out BigInteger coefficient)
            || (exponentAt >= 0 && !int.TryParse(
                text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)))
        {
            throw Unsupported(text);
        }

        return Of(coefficient, (point < 0 ? 0L : mantissa.Length - point - 1) - exponent, text);
    }

    private static DecimalNumber Of(BigInteger coefficient, long scale, string text)
    {
        if (coefficient.IsZero)
        {
            return default;
        }

        while (scale > 0 && (coefficient % 10).IsZero)
        {
            coefficient /= 10;
            scale--;
        }

        if (scale is > MaxDigits or < -MaxDigits)
        {
            throw Unsupported(text);
        }

        if (scale < 0)
        {
            coefficient *= BigInteger.Pow(10, (int)-scale);
            scale = 0;
        }

        DecimalNumber number = new(coefficient, (int)scale);
        return number.IntegerDigits.Length <= MaxDigits ? number : throw Unsupported(text);
    }

    private static UnsupportedSchemaException Unsupported(string text)
        => new(
            ExpressionReader.Shown(text),
            $"no number of at most {MaxDigits} digits on either side of the point, which a bound has to be");
}
