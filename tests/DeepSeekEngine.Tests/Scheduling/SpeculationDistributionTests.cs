using System.Numerics.Tensors;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Scheduling;

/// <summary>
/// What is sampled while drafts are verified has the distribution of what is sampled without: the product of the next-token probabilities,
/// which are known exactly.
/// </summary>
public sealed class SpeculationDistributionTests
{
    private const int Vocabulary = 4;
    private const int Length = 4;
    private const int Samples = 20_000;
    private static readonly int[] Prompt = [1, 2, 3];

    [TestCase(false)]
    [TestCase(true)]
    public void Sequences_have_the_probabilities_of_the_model(bool drafting)
    {
        var (excess, drafted, accepted) = Sample(drafting, null);
        Assert.That(excess, Is.LessThan(1));
        Assert.That((double)accepted / drafted, drafting ? Is.InRange(0.2, 0.8) : Is.NaN, "drafts are right and wrong");
    }

    [Test]
    public void A_verifier_that_accepts_what_is_only_plausible_is_found_out()
        => Assert.That(Wrong((logits, draft) => TensorPrimitives.Max(logits) - logits[draft] < 0.5f), Is.GreaterThan(5));

    [Test]
    public void A_verifier_that_draws_from_all_tokens_again_after_refusing_is_found_out()
    {
        var random = new SplitMix64(1);
        Assert.That(Wrong((logits, draft) => random.NextDouble() < Probabilities(logits)[draft]), Is.GreaterThan(5));
    }

    [Test]
    public void A_verifier_that_accepts_one_draft_in_ten_whatever_it_is_is_found_out()
    {
        var random = new SplitMix64(1);
        Assert.That(Wrong((_, _) => random.NextDouble() < 0.1), Is.GreaterThan(1));
    }

    /// <summary>The same of the sample model and its own module, through the public API, with the probabilities it reports.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task A_model_s_sequences_have_the_probabilities_it_reports(bool drafting)
    {
        const int length = 3;
        const int samples = 2500;
        const int endOfText = 1;
        const int topK = 4;
        const float temperature = 3;
        var options = new EngineOptions
        {
            Device = Device.Cpu, ContextLength = 64, MaxConcurrentRequests = 64, MaxQueuedRequests = samples, SpeculativeDecoding = drafting,
        };
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, options);
        int[] prompt = [.. model.Tokenize("Okay, I add 47 and 58. First 7 plus")];
        var exact = await ContinueAsync([], 1);

        var drawn = await Task.WhenAll(Enumerable.Range(drafting ? samples : 0, samples).Select(seed => model.GenerateAsync(
            RawPrompt.FromTokens(prompt),
            new GenerationOptions { Temperature = temperature, TopK = topK, Seed = seed, MaxTokens = length, TopLogProbabilities = 0 })));
        var (drafted, accepted) = (drawn.Sum(d => d.Usage.DraftedTokens), drawn.Sum(d => d.Usage.AcceptedTokens));
        var counts = drawn.CountBy(d => string.Join(' ', d.LogProbabilities.Select(l => l.Token.TokenId))).ToDictionary();
        var excess = ChiSquared.Excess(
            [.. exact.Keys.Select(sequence => counts.GetValueOrDefault(sequence))], [.. exact.Values]);
        TestContext.Out.WriteLine($"{excess:F2} of the limit, {accepted} of {drafted} drafts accepted");
        Assert.That(counts.Keys, Is.SubsetOf(exact.Keys));
        Assert.That(excess, Is.LessThan(1));
        Assert.That((double)accepted / drafted, drafting ? Is.InRange(0.1, 0.9) : Is.NaN, "drafts are right and wrong");

        // The most probable tokens' reported probabilities, with the temperature applied.
        async Task<Dictionary<string, double>> ContinueAsync(int[] before, double probability)
        {
            if (before.Length == length || before.Contains(endOfText))
            {
                return new() { [string.Join(' ', before)] = probability };
            }

            var next = await model.GenerateAsync(
                RawPrompt.FromTokens([.. prompt, .. before]), new GenerationOptions { MaxTokens = 1, TopLogProbabilities = topK });
            var top = next.LogProbabilities.Single().Top;
            var weights = top.Select(t => Math.Exp(t.LogProbability / temperature)).ToList();
            var continued = new Dictionary<string, double>();
            for (var i = 0; i < topK; i++)
            {
                foreach (var (sequence, p) in await ContinueAsync([.. before, top[i].TokenId], probability * weights[i] / weights.Sum()))
                {
                    continued.Add(sequence, p);
                }
            }

            return continued;
        }
    }

    /// <summary>How far a verifier's sequences are from the model's if it accepts these drafts whatever is drawn.</summary>
    private static double Wrong(Func<ReadOnlySpan<float>, int, bool> accepts)
        => Sample(true, (logits, draft) => logits[draft] = accepts(logits, draft) ? float.PositiveInfinity : logits[draft]).Excess;

    private static (double Excess, int Drafted, int Accepted) Sample(bool drafting, DraftVerification? verification)
    {
        var counts = new int[(int)Math.Pow(Vocabulary, Length)];
        var (drafted, accepted) = (0, 0);
        var model = new PrefixModel(Vocabulary, 1024);
        for (var first = 0; first < Samples; first += 8)
        {
            // Seeds of the two ways apart, so that they have no number in common.
            var loop = new StepLoop(model, contextLength: 64, maxRunning: 8, chunk: 16, drafting, verification);
            var jobs = Enumerable.Range(drafting ? first + Samples : first, 8)
                .Select(seed => loop.Submit(Prompt, Length, new SamplingParameters { Seed = seed })).ToList();
            loop.Run();
            foreach (var job in jobs)
            {
                var (tokens, usage) = job.Result();
                counts[tokens.Aggregate(0, (index, token) => (index * Vocabulary) + token)]++;
                (drafted, accepted) = (drafted + usage.DraftedTokens, accepted + usage.AcceptedTokens);
            }
        }

        var excess = ChiSquared.Excess(counts, Exact([.. Prompt], Length));
        TestContext.Out.WriteLine($"{excess:F2} of the limit, {accepted} of {drafted} drafts accepted");
        return (excess, drafted, accepted);
    }

    /// <summary>The probabilities of all continuations of this length, the first token the most significant digit of their index.</summary>
    private static double[] Exact(List<int> prefix, int length)
    {
        if (length == 0)
        {
            return [1];
        }

        var logits = new float[Vocabulary];
        PrefixModel.Logits(prefix.ToArray(), logits);
        return [.. Probabilities(logits).SelectMany((p, token) => Exact([.. prefix, token], length - 1).Select(rest => p * rest))];
    }

    private static double[] Probabilities(ReadOnlySpan<float> logits)
    {
        var weights = logits.ToArray().Select(logit => Math.Exp(logit)).ToArray();
        var sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }
}
