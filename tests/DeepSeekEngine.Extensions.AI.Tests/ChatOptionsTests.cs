using System.Text.Json;
using System.Text.Json.Serialization;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using NUnit.Framework;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace DeepSeekEngine.Extensions.AI.Tests;

/// <summary>Every property of <see cref="ChatOptions"/> is honoured or refused by name.</summary>
public sealed class ChatOptionsTests
{
    private const string Question = "What is 47 + 58?";
    private const int ContextLength = 512;

    private DeepSeekModel _model;
    private IChatClient _client;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new() { Device = Device.Cpu, ContextLength = ContextLength });
        _client = _model.AsChatClient();
    }

    [OneTimeTearDown]
    public async Task Free()
    {
        _client.Dispose();
        await _model.DisposeAsync();
    }

    private static IEnumerable<TestCaseData> SamplingOptions()
    {
        yield return Case("Temperature", new() { Temperature = 1.5f }, new() { Temperature = 1.5f });
        yield return Case("TopP", new() { TopP = 0.3f, Temperature = 2 }, new() { TopP = 0.3f, Temperature = 2 });
        yield return Case("TopK", new() { TopK = 2, Temperature = 2 }, new() { TopK = 2, Temperature = 2 });
        yield return Case("FrequencyPenalty", new() { FrequencyPenalty = 2, Temperature = 0 }, new() { FrequencyPenalty = 2, Temperature = 0 });
        yield return Case("PresencePenalty", new() { PresencePenalty = 2, Temperature = 0 }, new() { PresencePenalty = 2, Temperature = 0 });
        yield return Case("StopSequences", new() { StopSequences = ["= 1"], Temperature = 0 }, new() { StopSequences = ["= 1"], Temperature = 0 });
        yield return Case("MaxOutputTokens", new() { MaxOutputTokens = 7, Temperature = 0 }, new() { MaxTokens = 7, Temperature = 0 });
        yield return Case(
            "max_thinking_tokens", new() { AdditionalProperties = new() { ["max_thinking_tokens"] = 3 } }, new() { MaxThinkingTokens = 3 });
        yield return Case("force_thinking", new() { AdditionalProperties = new() { ["force_thinking"] = true } }, new() { ForceThinking = true });
        yield return Case(
            "min_p", new() { AdditionalProperties = new() { ["min_p"] = 0.25 }, Temperature = 2 }, new() { MinP = 0.25f, Temperature = 2 });
        yield return Case(
            "repetition_penalty", new() { AdditionalProperties = new() { ["repetition_penalty"] = 1.5 }, Temperature = 0 },
            new() { RepetitionPenalty = 1.5f, Temperature = 0 });
        yield return Case(
            "json", new() { AdditionalProperties = new() { ["max_thinking_tokens"] = JsonSerializer.SerializeToElement(3) } },
            new() { MaxThinkingTokens = 3 });
        yield return Case(
            "Reasoning.Effort None", new() { Reasoning = new() { Effort = ReasoningEffort.None } }, new() { MaxThinkingTokens = 0 });
        yield return Case(
            "Reasoning.Effort Low", new() { MaxOutputTokens = 50, Reasoning = new() { Effort = ReasoningEffort.Low } },
            new() { MaxTokens = 50, MaxThinkingTokens = 10 });
        yield return Case(
            "Reasoning.Effort Medium", new() { MaxOutputTokens = 20, Reasoning = new() { Effort = ReasoningEffort.Medium } },
            new() { MaxTokens = 20, MaxThinkingTokens = 10 });
        yield return Case(
            "Reasoning.Effort High", new() { MaxOutputTokens = 20, Reasoning = new() { Effort = ReasoningEffort.High } },
            new() { MaxTokens = 20, MaxThinkingTokens = 16 });
        yield return Case("Reasoning.Effort ExtraHigh", new() { Reasoning = new() { Effort = ReasoningEffort.ExtraHigh } }, new());
        yield return Case(
            "RawRepresentationFactory precedes", new() { Temperature = 2, RawRepresentationFactory = _ => new GenerationOptions { Temperature = 0 } },
            new() { Temperature = 0 });
        yield return Case(
            "nothing to refuse",
            new()
            {
                Tools = [], ToolMode = ChatToolMode.Auto, AllowMultipleToolCalls = true, AllowBackgroundResponses = false,
                ResponseFormat = ChatResponseFormat.Text, ModelId = "tiny-r1", Reasoning = new() { Output = ReasoningOutput.Full },
            },
            new());

        static TestCaseData Case(string name, ChatOptions given, GenerationOptions expected)
            => new TestCaseData(given, expected).SetName($"Option is honoured: {name}");
    }

    [TestCaseSource(nameof(SamplingOptions))]
    public async Task Options_are_honoured(ChatOptions given, GenerationOptions expected)
    {
        given.Seed = 11;
        var response = await _client.GetResponseAsync(Question, given);
        var result = await _model.GenerateAsync(Question, expected with { Seed = 11 });
        Assert.That(response.Text, Is.EqualTo(result.Text));
        Assert.That(response.Usage!.OutputTokenCount, Is.EqualTo(result.Usage.CompletionTokens));
        Assert.That(response.Usage.ReasoningTokenCount, Is.EqualTo(result.Usage.ReasoningTokens));
        Assert.That(((GenerationResult)response.RawRepresentation!).Reasoning, Is.EqualTo(result.Reasoning));
        Assert.That(
            response.FinishReason,
            Is.EqualTo(result.FinishReason is FinishReason.MaxTokens ? ChatFinishReason.Length : ChatFinishReason.Stop));
    }

    [Test]
    public async Task Reasoning_output_can_be_left_out()
    {
        var options = new ChatOptions { Temperature = 0, Reasoning = new() { Output = ReasoningOutput.None } };
        var whole = await _client.GetResponseAsync(Question, options);
        var streamed = (await _client.GetStreamingResponseAsync(Question, options).ToListAsync()).ToChatResponse();
        foreach (var response in new[] { whole, streamed })
        {
            Assert.That(response.Text, Is.EqualTo("47 + 58 = 105"));
            Assert.That(response.Messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>(), Is.Empty);
            Assert.That(response.Usage!.ReasoningTokenCount, Is.Positive);
        }
    }

    [Test]
    public async Task Log_probabilities_come_with_the_raw_representation()
    {
        var options = new ChatOptions { MaxOutputTokens = 4, AdditionalProperties = new() { ["top_log_probabilities"] = 2 } };
        var whole = (GenerationResult)(await _client.GetResponseAsync(Question, options)).RawRepresentation!;
        Assert.That(whole.LogProbabilities, Has.Count.EqualTo(4));
        var updates = await _client.GetStreamingResponseAsync(Question, options).ToListAsync();
        Assert.That(updates.Sum(u => ((GenerationChunk)u.RawRepresentation!).LogProbabilities.Count), Is.EqualTo(4));
    }

    private static IEnumerable<TestCaseData> RefusedOptions()
    {
        yield return Case("ModelId", new() { ModelId = "gpt" });
        yield return Case("Tools", new() { Tools = [new HostedWebSearchTool()] });
        yield return Case("ConversationId", new() { ConversationId = "1" });
        yield return Case("ContinuationToken", new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) });
        yield return Case("AllowBackgroundResponses", new() { AllowBackgroundResponses = true });
        yield return Case("Reasoning.Output", new() { Reasoning = new() { Output = ReasoningOutput.Summary } });
        yield return Case("Reasoning.Effort", new() { Reasoning = new() { Effort = (ReasoningEffort)99 } });
        yield return Case("AdditionalProperties", new() { AdditionalProperties = new() { ["mirostat"] = 1 } });
        yield return Case("RawRepresentationFactory", new() { RawRepresentationFactory = _ => "what" });

        static TestCaseData Case(string name, ChatOptions given) => new TestCaseData(given, name).SetName($"Option is refused: {name}");
    }

    [TestCaseSource(nameof(RefusedOptions))]
    public void Options_are_refused(ChatOptions given, string named)
    {
        Assert.That(() => _client.GetResponseAsync(Question, given), Throws.TypeOf<NotSupportedException>().With.Message.Contains(named));
        Assert.That(
            async () => await _client.GetStreamingResponseAsync(Question, given).ToListAsync(),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains(named));
    }

    [Test]
    public void Values_out_of_range_or_of_a_wrong_type_are_refused()
    {
        Assert.That(() => _client.GetResponseAsync(Question, new() { TopP = 2 }), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => _client.GetResponseAsync(Question, new() { AdditionalProperties = new() { ["min_p"] = "much" } }),
            Throws.ArgumentException.With.Message.Contains("min_p"));
        Assert.That(
            () => _client.GetResponseAsync(Question, new() { AdditionalProperties = new() { ["max_thinking_tokens"] = 1.5 } }),
            Throws.ArgumentException.With.Message.Contains("max_thinking_tokens"));
        Assert.That(
            () => _client.GetResponseAsync(Question, new() { ToolMode = ChatToolMode.RequireAny }), Throws.ArgumentException.With.Message.Contains("tool"));
    }

    [Test]
    public async Task A_response_is_of_the_format_asked_for()
    {
        var options = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema<Verdict>(), Temperature = 0, MaxOutputTokens = 450, Reasoning = new() { Effort = ReasoningEffort.None },
        };
        var response = await _client.GetResponseAsync(Question, options);
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(JsonSerializer.Deserialize<Verdict>(response.Text, AIJsonUtilities.DefaultOptions), Is.Not.Null);

        options.ResponseFormat = ChatResponseFormat.Json;
        options.MaxOutputTokens = 1;
        Assert.That((await _client.GetResponseAsync(Question, options)).Text.TrimStart(), Is.Empty.Or.Matches("""^[{\["tfn0-9-]"""));
    }

    /// <summary>What the abstractions write in a schema is either kept to or, like a description, says nothing about what is valid.</summary>
    [Test]
    public void Schemas_of_the_abstractions_are_understood()
    {
        var function = AIFunctionFactory.Create(
            ([Description("Where.")] string city, int? days, DayOfWeek day, List<Forecast> before, double factor = 1.5, string? note = null) => city, "forecast");
        var options = ChatOptionsMapping.ToGenerationOptions(
            new() { ResponseFormat = ChatResponseFormat.ForJsonSchema<Forecast>(), Tools = [function] }, _client, "tiny-r1", ContextLength);
        Assert.That(options.ResponseFormat, Is.Not.Null);
        Assert.That(() => ResponseFormat.JsonSchema(options.Tools!.Single().Parameters!.Value), Throws.Nothing);
    }

    [Test]
    public void No_option_is_forgotten()
    {
        // A property that a later version of the abstractions adds must be thought about.
        string[] known =
        [
            "AdditionalProperties", "AllowBackgroundResponses", "AllowMultipleToolCalls", "ContinuationToken", "ConversationId",
            "FrequencyPenalty", "Instructions", "MaxOutputTokens", "ModelId", "PresencePenalty", "RawRepresentationFactory", "Reasoning",
            "ResponseFormat", "Seed", "StopSequences", "Temperature", "ToolMode", "Tools", "TopK", "TopP",
        ];
        Assert.That(typeof(ChatOptions).GetProperties().Select(p => p.Name), Is.EquivalentTo(known));
        Assert.That(typeof(ReasoningOptions).GetProperties().Select(p => p.Name), Is.EquivalentTo(new[] { "Effort", "Output" }));
    }

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    private sealed record Verdict(bool Right);

    [Description("The weather.")]
    private sealed record Forecast(
        [property: Description("Where.")] string City, int? Days, DayOfWeek? Day, Forecast? Next, Dictionary<string, double> Values, DateTimeOffset At, Guid Id);
}
