using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Diagnostics;
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
        Assert.That(bytes, Is.InRange(2 * Tokens * Vocabulary * sizeof(float), (2 * Tokens * Vocabulary + 3 * Tokens) * sizeof(float)));
        var (onHost, _) = await Generate(false, (Greedy, true), (sampled, true), (penalised, true));
        Assert.That(together, Is.EqualTo(onHost));
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
    {
        var directory = TestPaths.Fixture("v3-bf16");
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
