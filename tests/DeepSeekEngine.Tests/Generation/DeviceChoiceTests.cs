using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using DeepSeekEngine.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Tokens chosen on the device, where nothing but the choice comes to the host.</summary>
[TestFixture]
[NonParallelizable]
public sealed class DeviceChoiceTests
{
    private const int Tokens = 6;
    private const int ContextLength = 64;

    private static readonly DeepSeekTokenizer Tokenizer = DeepSeekTokenizer.Load(TestPaths.TinyR1);
    private static readonly SamplingParameters Greedy = new() { Temperature = 0, Seed = 1 };

    [Test]
    public async Task Greedy_steps_copy_one_integer_a_sequence()
    {
        var (chosen, bytes) = await Generate(false, (Greedy, false), (Greedy, false), (Greedy, false));
        Assert.That(bytes, Is.EqualTo(3 * Tokens * sizeof(int)));

        // As the host chooses, which is what it does where log-probabilities are asked for.
        var (onHost, hostBytes) = await Generate(false, (Greedy, true), (Greedy, true), (Greedy, true));
        Assert.That(hostBytes, Is.EqualTo(3 * Tokens * Vocabulary * sizeof(float)));
        Assert.That(chosen, Is.EqualTo(onHost));
    }

    [Test]
    public async Task Each_request_has_what_it_needs()
    {
        var sampled = Greedy with { Temperature = 0.8f, TopP = 0.9f };
        var penalised = Greedy with { RepetitionPenalty = 1.3f };
        var (together, bytes) = await Generate(false, (Greedy, false), (sampled, false), (penalised, false));

        // All logits of the one that is penalised, and a token and a list of each, as they are together; rarely all of the one sampled.
        var least = Tokens * ((Vocabulary * sizeof(float)) + (3 * (sizeof(int) + (TopLogit.ListLength * 8))));
        Assert.That(bytes, Is.InRange(least, least + (Tokens * Vocabulary * sizeof(float))));
        var (onHost, _) = await Generate(false, (Greedy, true), (sampled, true), (penalised, true));
        Assert.That(together, Is.EqualTo(onHost));
    }

    // The first, whose filter needs the whole vocabulary wherever the model is unsure, among those that do not.
    [Test]
    public async Task Sampled_steps_copy_a_list_a_sequence_and_are_the_hosts()
    {
        var sampled = new SamplingParameters { Temperature = 1, Seed = 5 };
        SamplingParameters[] all =
        [
            sampled, sampled with { TopK = 20 }, sampled with { Temperature = 0.6f, TopP = 0.95f }, sampled with { MinP = 0.1f, Seed = 6 },
        ];
        var (listed, bytes) = await Generate(TestPaths.TinyR1, false, [.. all.Select(sampling => (sampling, false))]);
        var (onHost, hostBytes) = await Generate(TestPaths.TinyR1, false, [.. all.Select(sampling => (sampling, true))]);
        Assert.That(listed, Is.EqualTo(onHost));
        var vocabulary = Math.Min(Tokenizer.VocabSize, ModelConfigReader.Read(TestPaths.TinyR1).VocabSize);
        Assert.That(hostBytes, Is.GreaterThanOrEqualTo(4 * Tokens * vocabulary * sizeof(float)));
        var lists = 4 * Tokens * TopLogit.ListLength * 8;
        Assert.That(bytes, Is.InRange(lists, lists + (Tokens * hostBytes / (4 * Tokens))), "no more than one request asks for more");
    }

    [Test]
    public async Task Sampled_drafts_are_verified_by_lists()
    {
        var sampled = new SamplingParameters { Temperature = 0.7f, TopK = 30, Seed = 9 };
        var (drafted, _) = await Generate(TestPaths.TinyR1, true, (sampled, false), (sampled with { Seed = 10 }, false));
        var (plain, _) = await Generate(TestPaths.TinyR1, false, (sampled, true), (sampled with { Seed = 10 }, true));
        Assert.That(drafted, Is.EqualTo(plain));
    }

    [Test]
    public async Task Drafts_are_chosen_and_verified_without_logits()
    {
        var (drafted, bytes) = await Generate(true, (Greedy, false), (Greedy, false));
        var (plain, _) = await Generate(false, (Greedy, false), (Greedy, false));
        Assert.That(drafted, Is.EqualTo(plain));
        Assert.That(bytes, Is.AtMost(2 * Tokens * 3 * sizeof(int)), "a token, the one after a draft, and a draft");
    }

    private static int Vocabulary => ModelConfigReader.Read(TestPaths.Fixture("v3-bf16")).VocabSize;

    /// <summary>The texts of requests that run together, each of which may ask for log-probabilities, and the bytes that took.</summary>
    private static async Task<(List<string> Texts, long Bytes)> Generate(
        bool drafts, params (SamplingParameters Sampling, bool LogProbabilities)[] requests)
        => await Generate(TestPaths.Fixture("v3-bf16"), drafts, requests);

    private static async Task<(List<string> Texts, long Bytes)> Generate(
        string directory, bool drafts, params (SamplingParameters Sampling, bool LogProbabilities)[] requests)
    {
        using var backend = IlgpuBackend.CreateOnCpuAccelerator();
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        var count = requests.Length;
        using var transformer = new Transformer(
            backend, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored), config,
            new StepLimits(Tokens: 32, count, Outputs: 2 * count, ContextLength, CacheTokens: count * ContextLength));
        var options = new EngineOptions { SpeculativeDecoding = drafts, MaxConcurrentRequests = count };
        var results = new List<string>();
        var engine = new Engine("test", transformer, options, 16, Math.Min(config.VocabSize, Tokenizer.VocabSize), NullLogger.Instance);
        try
        {
            var submitted = requests.Select((request, i) => Plan(config, [i + 1, 7, 9], request)).ToList();
            submitted.ForEach(engine.Submit);
            foreach (var request in submitted)
            {
                var text = "";
                await foreach (var chunk in request.Chunks.ReadAllAsync())
                {
                    text += chunk.Text;
                }

                results.Add(text);
            }
        }
        finally
        {
            await engine.DisposeAsync();
        }

        return (results, backend.DownloadedBytes);
    }

    private static Request Plan(ModelConfig config, int[] prompt, (SamplingParameters Sampling, bool LogProbabilities) request) => new(
        new RequestPlan
        {
            Prompt = prompt,
            ContextLength = ContextLength,
            MaxTokens = Tokens,
            MaxThinkingTokens = int.MaxValue,
            CloseReasoning = [],
            EndTokens = [],
            Sampler = new Sampler(request.Sampling, Math.Min(config.VocabSize, Tokenizer.VocabSize)),
            Text = new ResponseText(Tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences([])),
            Telemetry = new RequestTelemetry("none", TelemetryTags.TextCompletion, new GenerationOptions()),
            LogProbabilities = request.LogProbabilities ? new LogProbabilities(0, Tokenizer) : null,
        },
        CancellationToken.None);
}
