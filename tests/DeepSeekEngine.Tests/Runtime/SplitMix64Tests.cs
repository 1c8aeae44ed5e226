using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public class SplitMix64Tests
{
    /// <summary>The sequence published for seed 1234567 with the reference implementation (prng.di.unimi.it/splitmix64.c).</summary>
    private static readonly ulong[] Published =
        [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];

    [Test]
    public void Numbers_are_those_of_the_published_algorithm()
    {
        SplitMix64 random = new(1234567);
        Assert.That(Enumerable.Range(0, 5).Select(_ => random.Next()), Is.EqualTo(Published));
    }

    [Test]
    public void Doubles_are_the_upper_53_bits()
    {
        SplitMix64 random = new(1234567);
        foreach (ulong number in Published)
        {
            Assert.That(random.NextDouble(), Is.EqualTo(number / 2048 / 9007199254740992.0));
        }
    }
}
