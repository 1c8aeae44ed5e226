using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

/// <summary>A token chosen from a list of the largest logits is the one that is chosen from all of them, or none is.</summary>
[Parallelizable(ParallelScope.Self)]
public class ShortlistTests
{
    private static readonly double[] Places = [0, 1e-9, 0.001, 0.1, 0.25, 0.5, 0.77, 0.9, 0.99, 0.99999, 1 - 1e-12];

    /// <summary>What the device's sum may be of the true one.</summary>
    private static readonly double[] Errors = [0, TopLogit.SumError * 0.99, -TopLogit.SumError * 0.99];

    [Test]
    public void Tokens_are_those_of_the_sampler(
        [Values("peaked", "steep", "flat", "equal", "coarse", "near ties", "few possible", "denormal")] string shape,
        [Values(0, 1, 50, 127, 128, 129, 5000)] int topK, [Values(0f, 0.3f, 0.95f, 0.999f, 1f)] float topP, [Values(0f, 0.05f, 1f)] float minP,
        [Values(1f, 0.6f)] float temperature)
    {
        const int vocabulary = 1500;
        var random = new Random(topK);
        for (var round = 0; round < 4; round++)
        {
            var logits = Logits(shape, vocabulary, random);
            var parameters = new SamplingParameters { Seed = 1, TopK = topK, TopP = topP, MinP = minP, Temperature = temperature };
            AssertSame(logits, parameters, [.. Places, random.NextDouble(), random.NextDouble()]);
        }
    }

    // Prefixes end exactly at the places and shares asked for: the sums decide by less than they are known to.
    [Test]
    public void Places_between_two_tokens_are_those_of_the_sampler([Values(200, 1024)] int vocabulary)
    {
        var logits = new float[vocabulary];
        var parameters = new SamplingParameters { Seed = 1 };
        double[] quarters = [0, 0.25, 0.5, 0.75, Math.BitDecrement(0.25), Math.BitIncrement(0.5)];
        AssertSame(logits, parameters, quarters);
        AssertSame(logits, parameters with { TopK = 100 }, quarters);
        AssertSame(logits, parameters with { TopP = 0.5f }, quarters);
        Array.Fill(logits, float.NegativeInfinity, 64, vocabulary - 64);
        AssertSame(logits, parameters, quarters);
        AssertSame(logits, parameters with { TopP = 0.5f }, quarters);
        AssertSame(logits, parameters with { TopP = 0.25f, TopK = 32 }, quarters);
    }

    [Test]
    public void A_vocabulary_no_longer_than_the_list_is_known_whole([Values(20, 127, 128)] int vocabulary)
    {
        var random = new Random(vocabulary);
        var logits = Logits("coarse", vocabulary, random);
        foreach (var parameters in Some())
        {
            AssertSame(logits, parameters, [.. Enumerable.Range(0, 50).Select(_ => random.NextDouble())], mostUnknown: 0);
        }
    }

    [Test]
    public void A_distribution_as_models_have_it_is_nearly_always_told()
    {
        var random = new Random(3);
        foreach (var parameters in Some())
        {
            var logits = Logits("steep", 129_280, random);
            AssertSame(logits, parameters, [.. Enumerable.Range(0, 200).Select(_ => random.NextDouble())], mostUnknown: 4);
        }
    }

    [Test]
    public void A_flat_distribution_is_left_to_the_sampler()
    {
        var logits = new float[5000];
        var list = ListOf(logits, 1, 0);
        Assert.That(new Shortlist().Choose(list, new SamplingParameters { Seed = 1 }, logits.Length, 0.5), Is.EqualTo(-1));
    }

    [Test]
    public void What_is_infinite_or_not_a_number_is_as_for_the_sampler()
    {
        foreach (var parameters in Some())
        {
            var logits = Logits("flat", 400, new Random(1));
            logits[300] = logits[17] = float.PositiveInfinity;
            AssertSame(logits, parameters, Places, mostUnknown: 0);
            logits[71] = logits[73] = float.NaN;
            AssertSameRefusal(logits, parameters);
            Array.Fill(logits, float.NegativeInfinity);
            AssertSameRefusal(logits, parameters);
            logits[399] = -7;
            AssertSame(logits, parameters, Places);
        }
    }

    [Test]
    public void A_request_draws_the_same_numbers_whether_lists_tell_or_not()
    {
        const int vocabulary = 1500;
        var random = new Random(5);
        var parameters = new SamplingParameters { Seed = 42, TopP = 0.95f };
        var (whole, listed) = (new Sampler(parameters, vocabulary), new Sampler(parameters, vocabulary));
        Assert.That(listed.TakesTopLogits, Is.True);
        var told = 0;
        for (var step = 0; step < 100; step++)
        {
            var logits = Logits(step % 3 == 0 ? "flat" : "steep", vocabulary, random);
            var token = listed.SampleTop(ListOf(logits, 1, 0));
            told += token < 0 ? 0 : 1;
            token = token < 0 ? listed.Sample([.. logits]) : token;
            Assert.That(token, Is.EqualTo(whole.Sample([.. logits])), $"step {step}");
        }

        Assert.That(told, Is.InRange(50, 70));
    }

    [Test]
    public void Who_needs_more_than_the_largest_logits_takes_no_list()
    {
        var neutral = new SamplingParameters { Seed = 1 };
        Assert.That(new Sampler(neutral, 10).TakesTopLogits, Is.True);
        Assert.That(new Sampler(neutral with { Temperature = 0 }, 10).TakesTopLogits, Is.False);
        Assert.That(new Sampler(neutral with { Temperature = float.Epsilon }, 10).TakesTopLogits, Is.False);
        Assert.That(new Sampler(neutral with { PresencePenalty = 0.1f }, 10).TakesTopLogits, Is.False);
    }

    [Test]
    public void Choosing_allocates_nothing()
    {
        var list = ListOf(Logits("steep", 1500, new Random(1)), 1, 0);
        var sampler = new Sampler(new SamplingParameters { Seed = 1, TopP = 0.9f, TopK = 50 }, 1500);
        sampler.SampleTop(list);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 50; i++)
        {
            sampler.SampleTop(list);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static SamplingParameters[] Some()
    {
        var neutral = new SamplingParameters { Seed = 1, Temperature = 0.6f };
        return
        [
            neutral, neutral with { TopP = 0.95f }, neutral with { TopK = 40 }, neutral with { MinP = 0.05f }, neutral with { TopP = 0 },
            neutral with { TopK = 50, TopP = 0.9f, MinP = 0.02f }, neutral with { TopK = 1 }, neutral with { TopK = 200_000, TopP = 0.8f },
        ];
    }

    private static float[] Logits(string shape, int vocabulary, Random random)
    {
        var logits = new float[vocabulary];
        for (var i = 0; i < vocabulary; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            logits[i] = (float)(shape switch
            {
                "peaked" => 4 * normal,
                "steep" => -6 * Math.Log(i + 1) + normal,
                "flat" => 0.01 * normal,
                "equal" => 7,
                "near ties" => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(9) + random.Next(3)) - (i % 5 == 0 ? 0 : 20),
                "few possible" => i % 100 == 3 ? normal : double.NegativeInfinity,
                "denormal" => i < 90 ? -i : -100 - (0.01 * i),
                _ => Math.Round(8 * normal) / 4,
            });
        }

        return logits;
    }

    private static TopLogit[] ListOf(float[] logits, double temperature, double error)
    {
        var order = ScalarTopLogits.Order(logits);
        var list = new TopLogit[TopLogit.ListLength];
        Array.Fill(list, new TopLogit { Logit = float.NegativeInfinity, Token = int.MaxValue });
        for (var i = 0; i < order.Length; i++)
        {
            list[i] = new TopLogit { Logit = logits[order[i]], Token = order[i] };
        }

        list[^1].Logit = (float)(ScalarTopLogits.Rest(logits, order, temperature) * (1 + error));
        return list;
    }

    private static void AssertSame(float[] logits, SamplingParameters parameters, double[] places, int mostUnknown = int.MaxValue)
    {
        var sampler = new Sampler(parameters, logits.Length);
        var shortlist = new Shortlist();
        var expected = places.Select(u => sampler.Sample((float[])logits.Clone(), u)).ToArray();
        foreach (var error in Errors)
        {
            var list = ListOf(logits, parameters.Temperature, error);
            var chosen = places.Select(u => shortlist.Choose(list, parameters, logits.Length, u)).ToArray();
            for (var i = 0; i < places.Length; i++)
            {
                Assert.That(chosen[i], Is.EqualTo(expected[i]).Or.EqualTo(-1), $"{parameters} at {places[i]:R}, error {error}");
            }

            Assert.That(chosen.Count(token => token < 0), Is.LessThanOrEqualTo(mostUnknown), $"{parameters}, error {error}");
        }
    }

    private static void AssertSameRefusal(float[] logits, SamplingParameters parameters)
    {
        var list = ListOf(logits, parameters.Temperature, 0);
        var refusal = Assert.Throws<InvalidOperationException>(() => new Sampler(parameters, logits.Length).Sample([.. logits]))!.Message;
        Assert.That(
            () => new Shortlist().Choose(list, parameters, logits.Length, 0.5),
            Throws.InvalidOperationException.With.Message.EqualTo(refusal));
    }
}
