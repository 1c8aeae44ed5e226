using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public class OptionsTests
{
    private static IEnumerable<TestCaseData> OutOfRange()
    {
        static TestCaseData Case(string property, Func<object> create) => new TestCaseData(property, create).SetArgDisplayNames(property);

        yield return Case("MaxTokens", () => new GenerationOptions { MaxTokens = 0 });
        yield return Case("MaxThinkingTokens", () => new GenerationOptions { MaxThinkingTokens = -1 });
        yield return Case("Temperature", () => new GenerationOptions { Temperature = -0.1f });
        yield return Case("Temperature", () => new GenerationOptions { Temperature = float.NaN });
        yield return Case("Temperature", () => new GenerationOptions { Temperature = float.PositiveInfinity });
        yield return Case("TopP", () => new GenerationOptions { TopP = 1.01f });
        yield return Case("TopP", () => new GenerationOptions { TopP = -0.01f });
        yield return Case("TopK", () => new GenerationOptions { TopK = -1 });
        yield return Case("MinP", () => new GenerationOptions { MinP = 1.5f });
        yield return Case("RepetitionPenalty", () => new GenerationOptions { RepetitionPenalty = 0 });
        yield return Case("FrequencyPenalty", () => new GenerationOptions { FrequencyPenalty = 2.5f });
        yield return Case("PresencePenalty", () => new GenerationOptions { PresencePenalty = -2.5f });
        yield return Case("Device", () => new EngineOptions { Device = (Device)99 });
        yield return Case("DeviceIndex", () => new EngineOptions { DeviceIndex = -1 });
        yield return Case("DeviceCount", () => new EngineOptions { DeviceCount = 0 });
        yield return Case("DeviceMemoryLimit", () => new EngineOptions { DeviceMemoryLimit = 0 });
        yield return Case("Experts", () => new EngineOptions { Experts = (ExpertPlacement)9 });
        yield return Case("Weights", () => new EngineOptions { Weights = (WeightFormat)9 });
        yield return Case("KvCache", () => new EngineOptions { KvCache = (KvCachePrecision)9 });
        yield return Case("ContextLength", () => new EngineOptions { ContextLength = 1 });
        yield return Case("Threads", () => new EngineOptions { Threads = 0 });
        yield return Case("MaxConcurrentRequests", () => new EngineOptions { MaxConcurrentRequests = 0 });
        yield return Case("PrefillChunk", () => new EngineOptions { PrefillChunk = 65537 });
    }

    [TestCaseSource(nameof(OutOfRange))]
    public void A_value_out_of_range_is_refused_by_name(string property, Func<object> create) =>
        Assert.That(
            () => create(),
            Throws.InstanceOf<ArgumentOutOfRangeException>()
                .With.Property(nameof(ArgumentException.ParamName)).EqualTo(property).And.Message.Contains($"{property} must be "));

    [Test]
    public void A_refusal_names_the_range() =>
        Assert.That(() => new GenerationOptions { RepetitionPenalty = 0 }, Throws.Exception.Message.Contains("from 0.01 to 100"));

    [Test]
    public void Values_at_the_edges_of_their_ranges_are_accepted()
    {
        GenerationOptions options = new()
        {
            MaxTokens = 1, MaxThinkingTokens = 0, Temperature = 0, TopP = 0, TopK = 0, MinP = 1, RepetitionPenalty = 100,
            FrequencyPenalty = -2, PresencePenalty = 2, Seed = long.MinValue, StopSequences = [],
        };
        Assert.That((options.MaxTokens, options.Temperature, options.MinP, options.PresencePenalty), Is.EqualTo((1, 0f, 1f, 2f)));
        Assert.That(new EngineOptions { PrefillChunk = 1, Threads = 1024 }.PrefillChunk, Is.EqualTo(1));
    }

    [Test]
    public void Defaults_are_those_documented()
    {
        EngineOptions options = new();
        Assert.That(
            (options.Device, options.DeviceIndex, options.ContextLength, options.Threads),
            Is.EqualTo((Device.Auto, 0, (int?)null, (int?)null)));
        Assert.That((options.MaxConcurrentRequests, options.PrefillChunk), Is.EqualTo((16, 512)));
        Assert.That((options.Weights, options.KvCache), Is.EqualTo((WeightFormat.AsStored, KvCachePrecision.Auto)));
    }

    [Test]
    public void An_empty_stop_sequence_is_refused() =>
        Assert.That(
            () => new GenerationOptions { StopSequences = ["a", string.Empty] },
            Throws.ArgumentException.With.Property(nameof(ArgumentException.ParamName)).EqualTo("StopSequences"));

    [Test]
    public void Stop_sequences_are_copied()
    {
        string[] sequences = ["a"];
        GenerationOptions options = new() { StopSequences = sequences };
        sequences[0] = string.Empty;
        Assert.That(options.StopSequences, Is.EqualTo(["a"]));
    }

    [Test]
    public void What_neither_request_nor_checkpoint_says_is_neutral() =>
        Assert.That(SamplingParameters.Resolve(new GenerationOptions { Seed = 7 }), Is.EqualTo(new SamplingParameters { Seed = 7 }));

    [Test]
    public void What_the_request_leaves_open_is_as_the_checkpoint_recommends()
    {
        SamplingParameters resolved = SamplingParameters.Resolve(
            new GenerationOptions { Seed = 7, TopP = 0.5f, PresencePenalty = 1 },
            doSample: true, temperature: 0.6f, topP: 0.95f, topK: 20, minP: 0.1f, repetitionPenalty: 1.1f);
        Assert.That(resolved, Is.EqualTo(new SamplingParameters
        {
            Seed = 7, Temperature = 0.6f, TopP = 0.5f, TopK = 20, MinP = 0.1f, RepetitionPenalty = 1.1f, PresencePenalty = 1,
        }));
    }

    [Test]
    public void A_checkpoint_that_does_not_sample_is_greedy_unless_the_request_has_a_temperature()
    {
        Assert.That(SamplingParameters.Resolve(new GenerationOptions(), doSample: false, temperature: 0.6f).Temperature, Is.Zero);
        Assert.That(SamplingParameters.Resolve(new GenerationOptions { Temperature = 1 }, doSample: false).Temperature, Is.EqualTo(1));
    }

    [Test]
    public void Without_a_seed_every_request_has_its_own() =>
        Assert.That(
            Enumerable.Range(0, 10).Select(_ => SamplingParameters.Resolve(new GenerationOptions()).Seed), Is.Unique);

    [Test]
    public void Usage_has_the_speed_of_the_tokens_after_the_first()
    {
        Usage usage = new()
        {
            ReasoningTokens = 15, AnswerTokens = 6, TimeToFirstToken = TimeSpan.FromSeconds(3), Duration = TimeSpan.FromSeconds(5),
        };
        Assert.That((usage.CompletionTokens, usage.TokensPerSecond), Is.EqualTo((21, 10.0)));
        Assert.That((usage with { ReasoningTokens = 0, AnswerTokens = 1 }).TokensPerSecond, Is.Zero);
        Assert.That((usage with { Duration = usage.TimeToFirstToken }).TokensPerSecond, Is.Zero);
    }

    [Test]
    public void Load_progress_is_a_share()
    {
        Assert.That(new LoadProgress(LoadStage.LoadingWeights, 25, 100).Fraction, Is.EqualTo(0.25));
        Assert.That(new LoadProgress(LoadStage.Inspecting, 0, 0).Fraction, Is.Zero);
    }
}
