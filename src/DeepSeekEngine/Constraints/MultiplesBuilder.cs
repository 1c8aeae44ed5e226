using System.Globalization;

namespace DeepSeekEngine.Constraints;

/// <summary>Integers that a number divides: what matters of the digits so far is the remainder.</summary>
internal sealed class MultiplesBuilder(int divisor)
    : LanguageBuilder<(MultiplesBuilder.Phase Phase, int Remainder)>(
        NumberAlphabet.Alphabet, $"the multiples of {divisor.ToString(CultureInfo.InvariantCulture)}")
{
    internal enum Phase
    {
        Start,
        Minus,
        Zero,
        Digits,
    }

    protected override bool Accepts((Phase Phase, int Remainder) key)
        => key.Phase == Phase.Zero || (key.Phase == Phase.Digits && key.Remainder == 0);

    protected override void Step((Phase Phase, int Remainder) key, Span<int> targets)
    {
        if (key.Phase == Phase.Start)
        {
            targets[NumberAlphabet.Minus] = StateOf((Phase.Minus, 0));
            targets[NumberAlphabet.Digits[0]] = StateOf((Phase.Zero, 0));
        }

        for (int digit = key.Phase == Phase.Digits ? 0 : 1; digit < 10 && key.Phase != Phase.Zero; digit++)
        {
            targets[NumberAlphabet.Digits[digit]] = StateOf((Phase.Digits, (int)(((10L * key.Remainder) + digit) % divisor)));
        }
    }
}
