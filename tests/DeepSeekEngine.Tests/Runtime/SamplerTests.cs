using System.Numerics.Tensors;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public class SamplerTests
{
    private static readonly SamplingParameters Neutral = new() { Seed = 1 };

    /// <summary>Logits of the distribution 0.1, 0.4, 0.2, 0.3; a constant added to all changes nothing.</summary>
    private static readonly float[] Logits = [.. new[] { 0.1, 0.4, 0.2, 0.3 }.Select(p => (float)(Math.Log(p) + 3))];

    private static IEnumerable<TestCaseData> Filters()
    {
        TestCaseData Case(string name, SamplingParameters parameters, params double[] expected) =>
            new TestCaseData(parameters, expected).SetArgDisplayNames(name);

        yield return Case("none", Neutral, 0.1, 0.4, 0.2, 0.3);
        yield return Case("temperature squares", Neutral with { Temperature = 0.5f }, 1 / 30.0, 16 / 30.0, 4 / 30.0, 9 / 30.0);
        yield return Case("top-k", Neutral with { TopK = 2 }, 0, 4 / 7.0, 0, 3 / 7.0);
        yield return Case("top-k of one", Neutral with { TopK = 1 }, 0, 1, 0, 0);
        yield return Case("top-k of the vocabulary", Neutral with { TopK = 4 }, 0.1, 0.4, 0.2, 0.3);
        yield return Case("top-k of more", Neutral with { TopK = 5 }, 0.1, 0.4, 0.2, 0.3);
        yield return Case("top-p reached by two", Neutral with { TopP = 0.65f }, 0, 4 / 7.0, 0, 3 / 7.0);
        yield return Case("top-p just not reached by two", Neutral with { TopP = 0.705f }, 0, 4 / 9.0, 2 / 9.0, 3 / 9.0);
        yield return Case("top-p of nothing", Neutral with { TopP = 0 }, 0, 1, 0, 0);
        yield return Case("min-p", Neutral with { MinP = 0.6f }, 0, 4 / 7.0, 0, 3 / 7.0);
        yield return Case("min-p lower", Neutral with { MinP = 0.45f }, 0, 4 / 9.0, 2 / 9.0, 3 / 9.0);
        yield return Case("min-p of one", Neutral with { MinP = 1 }, 0, 1, 0, 0);

        // 0.75 of the 0.9 that top-k leaves is 0.675, which two tokens have; 0.75 of all would take three.
        yield return Case("top-p after top-k", Neutral with { TopK = 3, TopP = 0.75f }, 0, 4 / 7.0, 0, 3 / 7.0);

        // After min-p 0.7 would remain, of which 0.55 is one token's; of all 0.55 takes two.
        yield return Case("min-p after top-p", Neutral with { TopP = 0.55f, MinP = 0.6f }, 0, 4 / 7.0, 0, 3 / 7.0);
        yield return Case("min-p stricter than top-p", Neutral with { TopP = 0.95f, MinP = 0.6f }, 0, 4 / 7.0, 0, 3 / 7.0);
        yield return Case("min-p stricter than top-k", Neutral with { TopK = 3, MinP = 0.6f }, 0, 4 / 7.0, 0, 3 / 7.0);

        // Squared, two tokens have 25 of 30; as they are, 0.8 would take three.
        yield return Case("top-p after temperature", Neutral with { Temperature = 0.5f, TopP = 0.8f }, 0, 16 / 25.0, 0, 9 / 25.0);

        // Squared, 0.3 is 9 / 16 of 0.4.
        yield return Case("min-p after temperature", Neutral with { Temperature = 0.5f, MinP = 0.6f }, 0, 1, 0, 0);
        yield return Case(
            "all", Neutral with { Temperature = 0.5f, TopK = 3, TopP = 0.9f, MinP = 0.3f }, 0, 16 / 25.0, 0, 9 / 25.0);
    }

    [TestCaseSource(nameof(Filters))]
    public void Probabilities_are_those_computed_by_hand(object parameters, double[] expected) =>
        Assert.That(Probabilities(new Sampler((SamplingParameters)parameters, 4), Logits), Is.EqualTo(expected).Within(2e-4));

    [Test]
    public void Repetition_penalty_divides_positive_and_multiplies_negative_logits_of_prompt_and_response_once()
    {
        Sampler sampler = new(Neutral with { RepetitionPenalty = 2 }, 4);
        sampler.AddPrompt([0, 0, 1]);
        sampler.AddGenerated(3);
        sampler.AddGenerated(3);
        AssertDistribution(sampler, [2, -1, 0.5f, 1], [1, -2, 0.5, 0.5]);
    }

    [Test]
    public void Frequency_and_presence_penalties_are_of_the_response_alone()
    {
        Sampler sampler = new(Neutral with { FrequencyPenalty = 0.5f, PresencePenalty = 0.25f }, 4);
        sampler.AddPrompt([0, 1, 1]);
        sampler.AddGenerated(0);
        sampler.AddGenerated(2);
        sampler.AddGenerated(0);
        AssertDistribution(sampler, [2, -1, 0.5f, 1], [0.75, -1, -0.25, 1]);
    }

    [Test]
    public void Repetition_is_penalised_before_frequency_and_presence_and_all_before_temperature()
    {
        Sampler sampler = new(
            Neutral with { RepetitionPenalty = 2, FrequencyPenalty = 0.5f, PresencePenalty = 0.25f, Temperature = 0.5f }, 3);
        sampler.AddPrompt([1]);
        sampler.AddGenerated(0);
        sampler.AddGenerated(0);
        AssertDistribution(sampler, [2, -1, 0.5f], [2 * (1 - 1.25), 2 * -2, 2 * 0.5]);
    }

    [Test]
    public void Negative_penalties_encourage()
    {
        Sampler sampler = new(Neutral with { FrequencyPenalty = -1, PresencePenalty = -0.5f }, 2);
        sampler.AddGenerated(1);
        AssertDistribution(sampler, [0, 0], [0, 1.5]);
    }

    [Test]
    public void Penalties_apply_to_the_greedy_choice()
    {
        Sampler sampler = new(Neutral with { Temperature = 0, PresencePenalty = 2 }, 3);
        Assert.That(sampler.Sample([3, 2, 0]), Is.Zero);
        sampler.AddGenerated(0);
        Assert.That(sampler.Sample([3, 2, 0]), Is.EqualTo(1));
    }

    [Test]
    public void Greedy_choice_of_equals_is_the_lowest_id([Values(1, 2, 7, 8, 33, 1000)] int length)
    {
        Sampler sampler = new(Neutral with { Temperature = 0 }, length + 2);
        for (int first = 0; first <= length; first++)
        {
            float[] logits = new float[length + 2];
            Array.Fill(logits, -1);
            logits[first] = logits[^1] = 5;
            Assert.That(sampler.Sample(logits), Is.EqualTo(first));
        }
    }

    [Test]
    public void Equals_at_the_edge_of_a_filter_stay_by_ascending_id()
    {
        float[] logits = [0, 1, 0, 1, 1];
        Assert.That(Probabilities(new Sampler(Neutral with { TopK = 2 }, 5), logits), Is.EqualTo([0, 0.5, 0, 0.5, 0]).Within(2e-4));
        Assert.That(Probabilities(new Sampler(Neutral with { TopP = 0.3f }, 5), logits), Is.EqualTo([0, 0.5, 0, 0.5, 0]).Within(2e-4));
        Assert.That(
            Probabilities(new Sampler(Neutral with { MinP = 1 }, 5), logits), Is.EqualTo([0, 1 / 3.0, 0, 1 / 3.0, 1 / 3.0]).Within(2e-4));
        Assert.That(Probabilities(new Sampler(Neutral with { TopP = 0 }, 5), logits), Is.EqualTo([0, 1.0, 0, 0, 0]));
    }

    [Test]
    public void Min_p_keeps_a_token_exactly_at_its_edge()
    {
        float[] weights = [0, -0.7f, -0.8f];
        TensorPrimitives.Exp<float>(weights, weights);
        double[] probabilities = Probabilities(new Sampler(Neutral with { MinP = weights[1] }, 3), [0, -0.7f, -0.8f]);
        Assert.That(probabilities, Is.EqualTo([0.668188, 0.331812, 0]).Within(2e-4));
    }

    [Test]
    public void Tokens_of_a_large_vocabulary_are_those_a_full_sort_gives(
        [Values("peaked", "flat", "equal", "ascending", "descending", "coarse")] string shape,
        [Values(0, 1, 50, 700, 4000)] int topK, [Values(0f, 0.3f, 0.95f, 1f)] float topP, [Values(0f, 0.05f)] float minP)
    {
        const int Vocabulary = 5003;
        Random random = new(11);
        float[] logits = new float[Vocabulary];
        for (int i = 0; i < Vocabulary; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            logits[i] = (float)(shape switch
            {
                "peaked" => 4 * normal,
                "flat" => 0.01 * normal,
                "equal" => 7,
                "ascending" => i * 0.002,
                "descending" => i * -0.002,
                _ => Math.Round(8 * normal) / 4,
            });
        }

        SamplingParameters parameters = Neutral with { TopK = topK, TopP = topP, MinP = minP };
        Sampler sampler = new(parameters, Vocabulary);
        int[] order = [.. Enumerable.Range(0, Vocabulary).OrderByDescending(i => logits[i]).ThenBy(i => i)];
        double[] weights = [.. order.Select(i => Math.Exp((double)logits[i] - logits[order[0]]))];
        int[] rankOf = new int[Vocabulary];
        for (int rank = 0; rank < Vocabulary; rank++)
        {
            rankOf[order[rank]] = rank;
        }

        foreach (double u in new[] { 0, 0.001, 0.1, 0.25, 0.5, 0.77, 0.9, 0.99, 0.99999, 1 - 1e-12 })
        {
            // Weights are float32, so prefixes may be off by some units of its precision.
            int rank = rankOf[sampler.Sample((float[])logits.Clone(), u)];
            Assert.That(
                rank, Is.InRange(RankBySorting(weights, parameters, u, -2e-6), RankBySorting(weights, parameters, u, 2e-6)), $"u = {u}");
        }
    }

    [Test]
    public void Frequencies_follow_the_probabilities()
    {
        const int Draws = 100_000;
        double[] probabilities = [0.3, 0.2, 0.15, 0.1, 0.08, 0.07, 0.05, 0.03, 0.015, 0.005];
        float[] logits = [.. probabilities.Select(p => (float)Math.Log(p))];
        Sampler sampler = new(Neutral with { Seed = 2024 }, logits.Length);
        int[] counts = new int[logits.Length];
        for (int i = 0; i < Draws; i++)
        {
            counts[sampler.Sample((float[])logits.Clone())]++;
        }

        // With 9 degrees of freedom the statistic exceeds 40 in one of 100,000 runs of a true sampler.
        double chiSquare = probabilities.Select((p, i) => Math.Pow(counts[i] - p * Draws, 2) / (p * Draws)).Sum();
        Assert.That(chiSquare, Is.LessThan(40));
    }

    [Test]
    public void A_seed_gives_the_tokens_its_published_random_numbers_say()
    {
        // Seed 1234567: 0.350, 0.174, 0.532, 0.249, 0.890 of 2^64 (see SplitMix64Tests), in quarters.
        Sampler sampler = new(Neutral with { Seed = 1234567 }, 4);
        Assert.That(Enumerable.Range(0, 5).Select(_ => sampler.Sample([1, 1, 1, 1])), Is.EqualTo([1, 0, 2, 0, 3]));
    }

    [Test]
    public void The_same_seed_repeats_and_another_does_not()
    {
        int[] Tokens(long seed)
        {
            Sampler sampler = new(Neutral with { Seed = seed }, 1000);
            return [.. Enumerable.Range(0, 50).Select(_ => sampler.Sample(new float[1000]))];
        }

        int[] tokens = Tokens(-5);
        Assert.That(Tokens(-5), Is.EqualTo(tokens));
        Assert.That(Tokens(-6), Is.Not.EqualTo(tokens));
    }

    [Test]
    public void Sampling_allocates_nothing()
    {
        const int Vocabulary = 4096;
        float[] logits = new float[Vocabulary];
        Sampler[] samplers =
        [
            new(Neutral with { Temperature = 0 }, Vocabulary),
            new(Neutral, Vocabulary),
            new(Neutral with { TopP = 0.9f, MinP = 0.01f }, Vocabulary),
            new(Neutral with { TopK = 1500, TopP = 0.9f }, Vocabulary),
            new(Neutral with { RepetitionPenalty = 1.1f, FrequencyPenalty = 0.5f }, Vocabulary),
        ];
        void SampleAll()
        {
            foreach (Sampler sampler in samplers)
            {
                for (int i = 0; i < Vocabulary; i++)
                {
                    logits[i] = i * 37 % 101 * 0.1f;
                }

                sampler.AddGenerated(sampler.Sample(logits));
            }
        }

        SampleAll();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
        {
            SampleAll();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void A_tiny_temperature_is_greedy([Values(1e-6f, 1e-30f, float.Epsilon)] float temperature) =>
        Assert.That(Probabilities(new Sampler(Neutral with { Temperature = temperature }, 4), Logits), Is.EqualTo([0, 1.0, 0, 0]));

    [Test]
    public void A_huge_temperature_is_uniform([Values(1e6f, float.MaxValue)] float temperature) =>
        Assert.That(
            Probabilities(new Sampler(Neutral with { Temperature = temperature }, 4), Logits),
            Is.EqualTo([0.25, 0.25, 0.25, 0.25]).Within(2e-4));

    [Test]
    public void The_only_possible_token_is_chosen([ValueSource(nameof(SomeParameters))] object parameters)
    {
        const float Never = float.NegativeInfinity;
        double last = Math.BitDecrement(1.0);
        Assert.That(new Sampler((SamplingParameters)parameters, 1).Sample([-3], last), Is.Zero);
        Assert.That(new Sampler((SamplingParameters)parameters, 4).Sample([Never, Never, -3, Never], last), Is.EqualTo(2));
        Assert.That(new Sampler((SamplingParameters)parameters, 3).Sample([1, float.PositiveInfinity, 2], last), Is.EqualTo(1));
        Assert.That(new Sampler((SamplingParameters)parameters, 3).Sample([-float.MaxValue, float.MaxValue, 0], last), Is.EqualTo(1));
    }

    [Test]
    public void A_logit_that_is_not_a_number_is_reported([ValueSource(nameof(SomeParameters))] object parameters)
    {
        float[] logits = new float[100];
        logits[71] = float.NaN;
        Assert.That(
            () => new Sampler((SamplingParameters)parameters, 100).Sample(logits),
            Throws.InvalidOperationException.With.Message.Contains("token 71 is not a number"));
    }

    [Test]
    public void Logits_that_allow_no_token_are_reported([ValueSource(nameof(SomeParameters))] object parameters) =>
        Assert.That(
            () => new Sampler((SamplingParameters)parameters, 2).Sample([float.NegativeInfinity, float.NegativeInfinity]),
            Throws.InvalidOperationException);

    private static IEnumerable<SamplingParameters> SomeParameters() =>
    [
        Neutral, Neutral with { Temperature = 0 }, Neutral with { TopK = 2 }, Neutral with { TopP = 0.5f }, Neutral with { MinP = 0.1f },
        Neutral with { TopK = 3, TopP = 0, MinP = 1 },
    ];

    /// <summary>The probability of each token, from the tokens at 20,000 evenly spaced places of the cumulative distribution.</summary>
    private static double[] Probabilities(Sampler sampler, float[] logits)
    {
        const int Places = 20_000;
        int[] counts = new int[logits.Length];
        for (int i = 0; i < Places; i++)
        {
            counts[sampler.Sample((float[])logits.Clone(), (i + 0.5) / Places)]++;
        }

        return [.. counts.Select(count => (double)count / Places)];
    }

    private static void AssertDistribution(Sampler sampler, float[] logits, double[] expectedLogits)
    {
        double sum = expectedLogits.Sum(Math.Exp);
        Assert.That(Probabilities(sampler, logits), Is.EqualTo(expectedLogits.Select(z => Math.Exp(z) / sum)).Within(2e-4));
    }

    /// <summary>The rank of the token at u, by definition; filters' shares and u are moved by a tolerance.</summary>
    private static int RankBySorting(double[] weights, SamplingParameters parameters, double u, double tolerance)
    {
        int PrefixOf(int count, double mass)
        {
            double sum = 0;
            for (int i = 0; i < count; i++)
            {
                sum += weights[i];
                if (sum >= mass)
                {
                    return i + 1;
                }
            }

            return count;
        }

        int kept = parameters.TopK == 0 ? weights.Length : parameters.TopK;
        kept = parameters.TopP < 1 ? PrefixOf(kept, (parameters.TopP + tolerance) * weights.Take(kept).Sum()) : kept;
        kept = Math.Min(kept, weights.Count(w => w >= parameters.MinP * (1 - tolerance)));
        return PrefixOf(kept, (u + tolerance) * weights.Take(kept).Sum()) - 1;
    }
}
