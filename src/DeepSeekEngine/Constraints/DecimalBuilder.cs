namespace DeepSeekEngine.Constraints;

/// <summary>
/// Decimal numbers without exponents, within bounds. Of the digits so far it matters how many they are and how they compare with as many
/// of each bound's, so that a bound costs states by its digits and not by its value.
/// </summary>
internal sealed class DecimalBuilder : LanguageBuilder<DecimalBuilder.State>
{
    private readonly DecimalBound? _min;

    private readonly DecimalBound? _max;

    private readonly int _integerDigits;

    private readonly int _fractionDigits;

    private DecimalBuilder(DecimalBound? min, DecimalBound? max, int integerDigits, int fractionDigits)
        : base(NumberAlphabet.Alphabet, "a range of numbers")
    {
        _min = min;
        _max = max;
        _integerDigits = integerDigits;
        _fractionDigits = fractionDigits;
    }

    internal enum Phase
    {
        Start,
        Minus,
        Zero,
        Integer,
        Point,
        Fraction,
    }

    /// <summary>The numbers between two bounds, either of which may be missing.</summary>
    /// <param name="min">The lower bound.</param>
    /// <param name="max">The upper bound.</param>
    /// <param name="integerDigits">
    /// How many digits are before the point at most. Numbers with the sign of a bound may have one digit more than that.
    /// </param>
    /// <param name="fractionDigits">
    /// How many digits are behind the point at most, or one more than a bound has, so that there are numbers between any two bounds; with
    /// 0 the numbers are integers, which are written without a point, and zero without a minus.
    /// </param>
    public static TextLanguage Build(DecimalBound? min, DecimalBound? max, int integerDigits, int fractionDigits)
    {
        int fraction = fractionDigits == 0
            ? 0
            : Math.Max(fractionDigits, 1 + Math.Max(min?.FractionDigits ?? 0, max?.FractionDigits ?? 0));
        return new DecimalBuilder(min, max, integerDigits, fraction).Build(default);
    }

    protected override bool Accepts(State key)
    {
        State end = EndInteger(key);
        int fractionDigits = key.Phase == Phase.Fraction ? key.Count : 0;
        return key.Phase is Phase.Zero or Phase.Integer or Phase.Fraction
            && _min?.Allows(end.ToMin, fractionDigits, key.Negative, side: 1) != false
            && _max?.Allows(end.ToMax, fractionDigits, key.Negative, side: -1) != false;
    }

    protected override void Step(State key, Span<int> targets)
    {
        if (key.Phase == Phase.Start)
        {
            targets[NumberAlphabet.Minus] = StateOf(new State { Phase = Phase.Minus, Negative = true });
        }

        if (key.Phase is Phase.Zero or Phase.Integer && _fractionDigits > 0)
        {
            targets[NumberAlphabet.Point] = StateOf(EndInteger(key) with { Phase = Phase.Point, Count = 0 });
        }

        for (int digit = 0; digit < 10; digit++)
        {
            if (Add(key, digit) is State next)
            {
                targets[NumberAlphabet.Digits[digit]] = StateOf(next);
            }
        }
    }

    /// <summary>The state after a digit; null where there may be none.</summary>
    private State? Add(State key, int digit)
    {
        if (key.Phase is Phase.Point or Phase.Fraction)
        {
            return key.Count == _fractionDigits
                ? null
                : new State(
                    Phase.Fraction, key.Negative, key.Count + 1,
                    _min?.CompareFraction(key.ToMin, key.Count, digit) ?? 0,
                    _max?.CompareFraction(key.ToMax, key.Count, digit) ?? 0);
        }

        bool isMinusZero = key.Phase == Phase.Minus && digit == 0 && _fractionDigits == 0;
        return key.Phase == Phase.Zero || isMinusZero || key.Count == MaxIntegerDigits(key.Negative)
            ? null
            : new State(
                key.Count == 0 && digit == 0 ? Phase.Zero : Phase.Integer, key.Negative, key.Count + 1,
                _min?.CompareInteger(key.ToMin, key.Count, digit) ?? 0,
                _max?.CompareInteger(key.ToMax, key.Count, digit) ?? 0);
    }

    private int MaxIntegerDigits(bool negative)
    {
        int most = _integerDigits;
        foreach (DecimalBound? bound in (ReadOnlySpan<DecimalBound?>)[_min, _max])
        {
            if (bound is not null && bound.IsNegative == negative)
            {
                most = Math.Max(most, bound.IntegerDigits + 1);
            }
        }

        return most;
    }

    private State EndInteger(State key) => key.Phase is Phase.Zero or Phase.Integer
        ? key with { ToMin = _min?.EndInteger(key.ToMin, key.Count) ?? 0, ToMax = _max?.EndInteger(key.ToMax, key.Count) ?? 0 }
        : key;

    /// <summary>What was written so far.</summary>
    /// <param name="Phase">Which part of a number it ends in.</param>
    /// <param name="Negative">Whether it begins with a minus.</param>
    /// <param name="Count">How many digits it has before the point, or behind it if there is one.</param>
    /// <param name="ToMin">The comparison with the lower bound's digits.</param>
    /// <param name="ToMax">The comparison with the upper bound's.</param>
    internal readonly record struct State(Phase Phase, bool Negative, int Count, int ToMin, int ToMax);
}
