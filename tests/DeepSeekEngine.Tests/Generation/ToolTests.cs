using System.Text.Json;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Tools on the sample model, which was never shown any: what is right about its calls is what it is held to.</summary>
public sealed class ToolTests
{
    private const string Question = "What is 47 + 58?";

    private static readonly ToolDefinition Add = new("add", "Adds two numbers.", JsonElement.Parse(
        """
        {
            "type": "object", "additionalProperties": false, "required": ["left", "right"],
            "properties": { "left": { "type": "integer", "minimum": 0, "maximum": 99 }, "right": { "type": "integer", "minimum": 0, "maximum": 99 } }
        }
        """));

    private static readonly GenerationOptions Forced = new()
    {
        Temperature = 0, MaxThinkingTokens = 0, Tools = [Add, new("now")], ToolChoice = ToolChoice.Function("add"), ParallelToolCalls = false,
    };

    private DeepSeekModel _model = null!;

    [OneTimeSetUp]
    public async Task Load() => _model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu });

    [OneTimeTearDown]
    public async Task Unload() => await _model.DisposeAsync();

    [Test]
    public async Task A_tool_is_called_because_it_must_be()
    {
        var result = await _model.GenerateAsync(Question, Forced);
        Assert.That(result.FinishReason, Is.EqualTo(FinishReason.ToolCalls));
        Assert.That(result.Text, Is.Empty);
        AssertAdds(result.ToolCalls.Single());

        var chunks = await _model.StreamAsync(Question, Forced).ToListAsync();
        var pieces = chunks.Where(chunk => chunk.Kind is ChunkKind.ToolCall).ToList();
        Assert.That(pieces, Has.Count.GreaterThan(5), "arguments come as they are written");
        Assert.That(pieces.Select(piece => piece.ToolCall).Distinct().Count(), Is.EqualTo(1));
        Assert.That(string.Concat(pieces.Select(piece => piece.Text)), Is.EqualTo(result.ToolCalls[0].Arguments));
        Assert.That(pieces[0].ToolCall!.Id, Is.Not.EqualTo(result.ToolCalls[0].Id), "of another response");
        Assert.That(chunks[^1].Usage!.CompletionTokens, Is.EqualTo(result.Usage.CompletionTokens));
        Message[] messages = [new(Role.User, Question)];
        Assert.That(_model.CountTokens(messages, Forced), Is.EqualTo(result.Usage.PromptTokens).And.GreaterThan(_model.CountTokens(messages)));
    }

    [Test]
    public async Task It_thinks_before_it_calls()
    {
        var result = await _model.GenerateAsync(Question, Forced with { MaxThinkingTokens = 20 });
        Assert.That(result.Reasoning, Is.Not.Empty);
        Assert.That(result.Usage.ReasoningTokens, Is.Positive);
        AssertAdds(result.ToolCalls.Single());
    }

    [Test]
    public async Task Sampled_calls_are_valid([Range(1, 5)] int seed, [Values] bool parallel)
    {
        var result = await _model.GenerateAsync(
            Question, Forced with { Temperature = 2, Seed = seed, ToolChoice = ToolChoice.Required, ParallelToolCalls = parallel, MaxTokens = 600 });
        Assert.That(result.ToolCalls, parallel ? Is.Not.Empty : Has.Count.LessThanOrEqualTo(1));
        Assert.That(result.ToolCalls.Select(call => call.Id), Is.Unique);

        // One that was cut off is the last.
        foreach (var call in result.FinishReason is FinishReason.ToolCalls ? result.ToolCalls : result.ToolCalls.SkipLast(1))
        {
            if (call.Name == "add")
            {
                AssertAdds(call);
            }
            else
            {
                Assert.That((call.Name, JsonElement.Parse(call.Arguments).EnumerateObject().Any()), Is.EqualTo(("now", false)));
            }
        }
    }

    [Test]
    public async Task A_call_that_is_cut_off_ends_as_any_response_does()
    {
        var whole = await _model.GenerateAsync(Question, Forced);
        var result = await _model.GenerateAsync(Question, Forced with { MaxTokens = whole.Usage.CompletionTokens - 8 });
        Assert.That(result.FinishReason, Is.EqualTo(FinishReason.MaxTokens));
        Assert.That(whole.ToolCalls[0].Arguments, Does.StartWith(result.ToolCalls.Single().Arguments));
        Assert.That(result.Usage.CompletionTokens, Is.EqualTo(whole.Usage.CompletionTokens - 8));
    }

    [Test]
    public async Task Nothing_is_called_where_nothing_may_be()
    {
        var result = await _model.GenerateAsync(Question, Forced with { ToolChoice = ToolChoice.None, MaxTokens = 60 });
        Assert.That(result.ToolCalls, Is.Empty);
        Assert.That(result.Usage.PromptTokens, Is.GreaterThan((await _model.GenerateAsync(Question, new() { MaxTokens = 1 })).Usage.PromptTokens + 100), "it is shown the tools");
    }

    [Test]
    public async Task A_conversation_goes_on_with_results()
    {
        var conversation = _model.StartConversation();
        var first = await conversation.SendAsync(Question, Forced);
        var call = first.ToolCalls.Single();
        Assert.That(conversation.Messages[^1].ToolCalls, Is.EqualTo(new[] { call }));

        Message[] results = [new(Role.Tool, "105") { ToolCallId = call.Id }];
        var options = Forced with { ToolChoice = ToolChoice.None, MaxTokens = 30 };
        var second = await conversation.SendToolResultsAsync(results, options);
        Message[] all = [new(Role.User, Question), new(Role.Assistant, "") { ToolCalls = [call] }, results[0]];
        var same = await _model.GenerateAsync(all, options);
        Assert.That((second.Text, second.Usage.PromptTokens), Is.EqualTo((same.Text, same.Usage.PromptTokens)));
        Assert.That(second.Usage.CachedPromptTokens, Is.GreaterThan(100), "tools and question are in the cache");
        Assert.That(conversation.Messages.Select(message => message.Role),
            Is.EqualTo(new[] { Role.User, Role.Assistant, Role.Tool, Role.Assistant }));

        Assert.That(() => conversation.SendToolResultsAsync([]), Throws.ArgumentException);
        Assert.That(() => conversation.SendToolResultsAsync([new(Role.User, "?")]), Throws.ArgumentException);
        Assert.That(() => conversation.SendToolResultsAsync([new(Role.Tool, "?") { ToolCallId = "x" }]), Throws.ArgumentException.With.Message.Contains("'x'"));
        Assert.That(conversation.Messages, Has.Count.EqualTo(4), "what was refused was not said");
    }

    [Test]
    public void What_cannot_be_called_is_refused_at_once()
    {
        Assert.That(() => _model.StreamAsync("?", new GenerationOptions { ToolChoice = ToolChoice.Required }), Throws.ArgumentException);
        Assert.That(() => _model.StreamAsync("?", Forced with { Tools = [] }), Throws.ArgumentException);
        Assert.That(() => _model.StreamAsync("?", Forced with { ToolChoice = ToolChoice.Function("subtract") }), Throws.ArgumentException.With.Message.Contains("subtract"));
        Assert.That(
            () => _model.StreamAsync(RawPrompt.FromText("?"), Forced with { ToolChoice = ToolChoice.Function("subtract") }), Throws.ArgumentException);
    }

    private static void AssertAdds(ToolCall call)
    {
        Assert.That(call.Name, Is.EqualTo("add"));
        var arguments = JsonElement.Parse(call.Arguments).EnumerateObject().ToDictionary(property => property.Name, property => property.Value);
        Assert.That(arguments.Keys, Is.EquivalentTo(new[] { "left", "right" }));
        Assert.That(arguments.Values.Select(value => value.GetDecimal()), Is.All.InRange(0m, 99m));
    }
}
