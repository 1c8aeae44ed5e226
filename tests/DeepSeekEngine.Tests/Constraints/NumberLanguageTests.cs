using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

public sealed partial class NumberLanguageTests
{
    private const string Characters = "0123456789-.eE+";

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z")]
    private static partial Regex JsonNumber { get; }

    [TestCase(null, null)]
    [TestCase(0, null)]
    [TestCase(1, null)]
    [TestCase(-5, null)]
    [TestCase(null, 0)]
    [TestCase(null, -1)]
    [TestCase(null, 42)]
    [TestCase(0, 0)]
    [TestCase(-1, 1)]
    [TestCase(7, 1234)]
    [TestCase(99, 101)]
    [TestCase(-1234, -77)]
    [TestCase(-10, 1000)]
    public void Integers_near_bounds_are_those_within_them(int? min, int? max)
    {
        TextLanguage language = Integers(min, max);

        for (int value = -12_000; value <= 12_000; value++)
        {
            bool within = value >= (min ?? int.MinValue) && value <= (max ?? int.MaxValue);
            Assert.That(language.Accepts(value.ToString(CultureInfo.InvariantCulture)), Is.EqualTo(within), $"{value}");
        }

        foreach (string text in (string[])["", "-", "-0", "00", "01", "-01", "+1", "1.0", "1e1", " 1", "1 "])
        {
            Assert.That(language.Accepts(text), Is.False, text);
        }
    }

    [Test]
    public void Random_ranges_of_integers()
    {
        Random random = new(5);
        for (int round = 0; round < 300; round++)
        {
            BigInteger first = RandomInteger(random);
            BigInteger second = first + RandomInteger(random);
            (BigInteger min, BigInteger max) = (BigInteger.Min(first, second), BigInteger.Max(first, second));
            TextLanguage language = Integers(min, max);
            BigInteger[] values =
            [
                min - 1, min, min + 1, max - 1, max, max + 1, -min, -max, (min + max) / 2, min * 10, max / 10, 0,
                .. Enumerable.Range(0, 20).Select(_ => RandomInteger(random)),
            ];
            foreach (BigInteger value in values)
            {
                Assert.That(
                    language.Accepts(value.ToString(CultureInfo.InvariantCulture)), Is.EqualTo(value >= min && value <= max),
                    $"{value} in {min}..{max}");
            }

            // As many texts as values: each is written in one way.
            Assert.That(
                (BigInteger)language.CountFrom(language.Start, long.MaxValue),
                Is.EqualTo(BigInteger.Min(max - min + 1, long.MaxValue)));
        }
    }

    [Test]
    public void Side_without_a_bound_holds_what_fits_in_a_long()
    {
        TextLanguage all = Integers(null, null);
        TextLanguage large = Integers(long.MaxValue, null);
        TextLanguage signed = Integers(long.MinValue, null);

        Assert.That(all.Accepts(new string('9', 18)));
        Assert.That(all.Accepts("-" + new string('9', 18)));
        Assert.That(all.Accepts(new string('9', 19)), Is.False);
        Assert.That(large.Accepts("9223372036854775806"), Is.False);
        Assert.That(large.Accepts("9223372036854775807"));
        Assert.That(large.Accepts("10000000000000000000"));
        Assert.That(signed.Accepts("-9223372036854775808"));
        Assert.That(signed.Accepts("-9223372036854775809"), Is.False);
        Assert.That(signed.Accepts(new string('9', 19)), Is.False);
        Assert.That(Integers(3, 2).IsEmpty);
    }

    [TestCase("1.5", false, "3.2", true, 2, 3)]
    [TestCase("1.5", false, "4", true, 2, 3)]
    [TestCase("2", true, "4", false, 3, 4)]
    [TestCase("-2", true, "-0.5", false, -1, -1)]
    [TestCase("-2.5", false, "0", true, -2, -1)]
    [TestCase("-0.5", false, "0.5", true, 0, 0)]
    public void Integers_between_decimals(string min, bool minExclusive, string max, bool maxExclusive, int first, int last)
    {
        TextLanguage language = NumberLanguage.Integers(DecimalNumber.Parse(min), minExclusive, DecimalNumber.Parse(max), maxExclusive);

        for (int value = -20; value <= 20; value++)
        {
            Assert.That(language.Accepts($"{value}"), Is.EqualTo(value >= first && value <= last), $"{value}");
        }
    }

    [Test]
    public void Numbers_without_bounds_are_JSONs_and_fit_in_a_decimal_and_a_double()
    {
        TextLanguage language = NumberLanguage.Numbers(null, false, null, false);
        foreach (string text in Texts.UpTo(5, "013-.eE+"))
        {
            bool expected = JsonNumber.IsMatch(text) && Regex.Match(text, "[eE](.*)") is Match exponent
                && (!exponent.Success || (Math.Abs(int.Parse(exponent.Groups[1].Value, CultureInfo.InvariantCulture)) <= 13
                    && exponent.Groups[1].Value.TrimStart('+', '-').Length <= 2));
            Assert.That(language.Accepts(text), Is.EqualTo(expected), text);
        }

        Random random = new(6);
        for (int round = 0; round < 2000; round++)
        {
            string text = Walk(language, random);
            Assert.That(JsonNumber.IsMatch(text), text);
            Assert.That(decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _), text);
            Assert.That(double.IsFinite(double.Parse(text, CultureInfo.InvariantCulture)), text);
        }

        string largest = new string('9', 15) + "." + new string('9', 13) + "e13";
        Assert.That(language.Accepts(largest));
        Assert.That(decimal.TryParse(largest, NumberStyles.Float, CultureInfo.InvariantCulture, out _));
    }

    [TestCase("0", false, null, false)]
    [TestCase("0", true, null, false)]
    [TestCase(null, false, "0", false)]
    [TestCase(null, false, "0", true)]
    [TestCase("1.5", true, "1.6", true)]
    [TestCase("1.5", false, "1.6", true)]
    [TestCase("-1.6", true, "-1.5", false)]
    [TestCase("-0.25", false, "0.31", false)]
    [TestCase("-10.2", true, "9", true)]
    [TestCase("0.05", true, "12.5", true)]
    [TestCase("2", false, "2", false)]
    [TestCase("-1e-2", false, "1.2E1", false)]
    public void Every_short_number_is_accepted_if_it_is_within_bounds(string? min, bool minExclusive, string? max, bool maxExclusive)
    {
        TextLanguage language = Numbers(min, minExclusive, max, maxExclusive);

        foreach (string text in Texts.UpTo(5, "01256-."))
        {
            bool expected = JsonNumber.IsMatch(text) && IsWithin(text, min, minExclusive, max, maxExclusive);
            Assert.That(language.Accepts(text), Is.EqualTo(expected), text);
        }
    }

    [Test]
    public void Random_ranges_of_numbers()
    {
        Random random = new(7);
        for (int round = 0; round < 500; round++)
        {
            string? min = random.Next(5) == 0 ? null : RandomDecimal(random).ToString(CultureInfo.InvariantCulture);
            string? max = random.Next(5) == 0 ? null : RandomDecimal(random).ToString(CultureInfo.InvariantCulture);
            (bool minExclusive, bool maxExclusive) = (random.Next(2) == 0, random.Next(2) == 0);
            if (min is null && max is null)
            {
                continue;
            }

            TextLanguage language = Numbers(min, minExclusive, max, maxExclusive);
            foreach (string text in Candidates(random, min, max))
            {
                Assert.That(
                    language.Accepts(text), Is.EqualTo(IsWithin(text, min, minExclusive, max, maxExclusive)),
                    $"{text} in {min} {minExclusive} {max} {maxExclusive}");
            }

            for (int walk = 0; walk < 20 && !language.IsEmpty; walk++)
            {
                string text = Walk(language, random);
                Assert.That(JsonNumber.IsMatch(text), text);
                Assert.That(IsWithin(text, min, minExclusive, max, maxExclusive), $"{text} in {min}..{max}");
            }
        }
    }

    [Test]
    public void There_are_numbers_between_any_two_bounds()
    {
        TextLanguage narrow = Numbers("1e-20", true, "1.00000000000000000001e-20", true);
        TextLanguage huge = Numbers("1e60", true, null, false);

        Assert.That(Walk(narrow, new Random(8)), Does.StartWith("0.00000000000000000001"));
        Assert.That(huge.Accepts("1" + new string('0', 60)), Is.False);
        Assert.That(huge.Accepts("1" + new string('0', 60) + ".5"));
        Assert.That(Numbers("2", true, "2", false).IsEmpty);
        Assert.That(Numbers("2", false, "1", false).IsEmpty);
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(7)]
    [TestCase(10)]
    [TestCase(12)]
    [TestCase(25)]
    [TestCase(997)]
    public void Multiples_are_those_without_a_remainder(int divisor)
    {
        TextLanguage language = NumberLanguage.Multiples(divisor);
        TextLanguage bounded = language.Intersect(Integers(-300, 1500));

        for (int value = -2500; value <= 2500; value++)
        {
            Assert.That(language.Accepts($"{value}"), Is.EqualTo(value % divisor == 0), $"{value}");
            Assert.That(bounded.Accepts($"{value}"), Is.EqualTo(value % divisor == 0 && value is >= -300 and <= 1500), $"{value}");
        }

        Assert.That(language.Accepts("-0"), Is.False);
        Assert.That(language.Accepts("00"), Is.False);
        Assert.That(language.Accepts("-"), Is.False);
    }

    [Test]
    public void Round_divisors_take_few_states()
        => Assert.That(NumberLanguage.Multiples(100_000).StateCount, Is.LessThan(12));

    [TestCase(0)]
    [TestCase(-2)]
    [TestCase(100_001)]
    public void Divisor_out_of_range_is_refused(int divisor)
        => Assert.That(Refusal(() => NumberLanguage.Multiples(divisor)), Does.Contain($"{divisor}").And.Contain("from 1 to 100000"));

    [TestCase("0", "0", "")]
    [TestCase("-0.0e99999", "0", "")]
    [TestCase("1.50", "1", "5")]
    [TestCase("-12.5e1", "125", "")]
    [TestCase("125E-4", "0", "0125")]
    [TestCase("1e+2", "100", "")]
    [TestCase("100.0", "100", "")]
    public void Decimals_are_read_exactly(string text, string integer, string fraction)
    {
        DecimalNumber number = DecimalNumber.Parse(text);

        Assert.That(number.IntegerDigits, Is.EqualTo(integer));
        Assert.That(number.FractionDigits, Is.EqualTo(fraction));
        Assert.That(number.Sign, Is.EqualTo(Math.Sign(double.Parse(text, CultureInfo.InvariantCulture))));
    }

    [TestCase("1e100")]
    [TestCase("1e-101")]
    [TestCase("1e2147483647")]
    [TestCase("1e-2147483648")]
    [TestCase("1e99999999999")]
    [TestCase("x")]
    [TestCase("")]
    public void Bound_of_too_many_digits_is_refused(string text)
        => Assert.That(Refusal(() => DecimalNumber.Parse(text)), Does.Contain("100 digits"));

    [Test]
    public void Long_bounds_are_refused()
    {
        Assert.That(Refusal(() => DecimalNumber.Parse(new string('1', 1_000_000))), Does.Contain("100 digits"));
        Assert.That(Refusal(() => Integers(BigInteger.Pow(10, 100), null)), Does.Contain("100 digits"));
    }

    private static TextLanguage Numbers(string? min, bool minExclusive, string? max, bool maxExclusive)
        => NumberLanguage.Numbers(
            min is null ? null : DecimalNumber.Parse(min), minExclusive, max is null ? null : DecimalNumber.Parse(max), maxExclusive);

    private static bool IsWithin(string text, string? min, bool minExclusive, string? max, bool maxExclusive)
    {
        decimal value = Decimal(text);
        return (min is null || (minExclusive ? value > Decimal(min) : value >= Decimal(min)))
            && (max is null || (maxExclusive ? value < Decimal(max) : value <= Decimal(max)));
    }

    private static decimal Decimal(string text) => decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <summary>Texts on both sides of bounds, in several spellings.</summary>
    private static IEnumerable<string> Candidates(Random random, string? min, string? max)
    {
        decimal[] near = [.. new[] { min, max }.OfType<string>().Select(Decimal), RandomDecimal(random), RandomDecimal(random), 0];
        foreach (decimal value in near)
        {
            foreach (decimal step in (decimal[])[0, 1, -1, 0.1m, -0.1m, 0.0001m, -0.0001m, -2 * value])
            {
                string text = (value + step).ToString(CultureInfo.InvariantCulture);
                yield return text;
                yield return text.Contains('.') ? text + "0" : text + ".00";
                yield return text.StartsWith('-') ? text[1..] : "-" + text;
            }
        }
    }

    private static decimal RandomDecimal(Random random)
        => new(random.Next(), random.Next(3) == 0 ? random.Next(1000) : 0, 0, random.Next(2) == 0, (byte)random.Next(8));

    private static BigInteger RandomInteger(Random random)
    {
        byte[] bytes = new byte[random.Next(1, 12)];
        random.NextBytes(bytes);
        return new BigInteger(bytes);
    }

    /// <summary>A text found by taking any step there is; it ends where it may, sooner or later, or where it must.</summary>
    private static string Walk(TextLanguage language, Random random)
    {
        string text = "";
        int state = language.Start;
        while (!language.Accepts(state) || (language.CanContinue(state) && random.Next(8) > 0))
        {
            char[] following = [.. Characters.Where(c => language.Next(state, c) != TextLanguage.Dead)];
            Assert.That(following, Is.Not.Empty, text);
            char taken = following[random.Next(following.Length)];
            text += taken;
            state = language.Next(state, taken);
        }

        return text;
    }

    private static string Refusal(Action make) => Assert.Throws<UnsupportedSchemaException>(make)!.Message;

    /// <summary>Those from one integer to another, either of which may be missing.</summary>
    private static TextLanguage Integers(BigInteger? min, BigInteger? max)
    {
        return NumberLanguage.Integers(Bound(min), minExclusive: false, Bound(max), maxExclusive: false);

        static DecimalNumber? Bound(BigInteger? value) => value is { } number ? DecimalNumber.Parse($"{number}") : null;
    }
}
