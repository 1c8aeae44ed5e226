using System.Text.Json;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

/// <summary>Functions the model calls. The sample model was never shown any, so it is made to call them.</summary>
public sealed class FunctionTests : SampleModelTests
{
    private static readonly JsonElement Arguments = JsonElement.Parse(
        """
        {
            "type": "object", "additionalProperties": false, "required": ["left", "right"],
            "properties": { "left": { "type": "integer", "minimum": 0, "maximum": 99 }, "right": { "type": "integer", "minimum": 0, "maximum": 99 } }
        }
        """);

    [Test]
    public async Task A_function_is_called_with_arguments_that_validate([Values] bool streaming)
    {
        var response = await AskAsync(_client, streaming, new() { Tools = [new AddFunction()], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = false });
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        var message = response.Messages.Single();
        Assert.That(message.Contents.Select(content => content.GetType()).Where(type => type != typeof(TextReasoningContent) && type != typeof(UsageContent)),
            Is.EqualTo(new[] { typeof(FunctionCallContent) }));
        var call = message.Contents.OfType<FunctionCallContent>().Single();
        Assert.That(call.Name, Is.EqualTo("add"));
        Assert.That(call.CallId, Does.StartWith("call_"));
        Assert.That(call.Exception, Is.Null);
        Assert.That(call.Arguments!.Keys, Is.EquivalentTo(new[] { "left", "right" }));
        Assert.That(call.Arguments.Values.Select(value => ((JsonElement)value!).GetInt32()), Is.All.InRange(0, 99));
        Assert.That(response.Usage!.OutputTokenCount, Is.Positive);
    }

    [Test]
    public async Task One_function_can_be_asked_for()
    {
        AITool[] tools = [new AddFunction(), AIFunctionFactory.Create((string city) => city, "weather", "Tells the weather.")];
        var response = await AskAsync(
            _client, streaming: false, new() { Tools = tools, ToolMode = ChatToolMode.RequireSpecific("add"), MaxOutputTokens = 400 });
        Assert.That(response.Messages[0].Contents.OfType<FunctionCallContent>().Select(call => call.Name), Is.Not.Empty.And.All.EqualTo("add"));
        Assert.That(
            () => AskAsync(_client, streaming: false, new() { Tools = tools, ToolMode = ChatToolMode.RequireSpecific("other") }),
            Throws.ArgumentException.With.Message.Contains("'other'"));
    }

    [Test]
    public async Task Without_being_asked_for_none_is_called()
    {
        var response = await AskAsync(
            _client, streaming: true, new() { Tools = [new AddFunction()], ToolMode = ChatToolMode.None, MaxOutputTokens = 300 });
        Assert.That(response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>(), Is.Empty);
        Assert.That(response.FinishReason, Is.Not.EqualTo(ChatFinishReason.ToolCalls));
    }

    [Test]
    public async Task Function_invocation_calls_and_goes_on([Values] bool streaming)
    {
        var function = new AddFunction();
        using var client = _model.AsChatClient().AsBuilder().UseFunctionInvocation().Build();
        var response = await AskAsync(
            client, streaming, new() { Tools = [function], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = false, MaxOutputTokens = 600 });
        var contents = response.Messages.SelectMany(message => message.Contents).ToList();
        var call = contents.OfType<FunctionCallContent>().First();
        var result = contents.OfType<FunctionResultContent>().First();
        Assert.That(call.Exception, Is.Null);
        Assert.That(function.Sums, Is.Not.Empty);
        Assert.That(result.CallId, Is.EqualTo(call.CallId));
        Assert.That(result.Result, Is.EqualTo(function.Sums[0]));
        Assert.That(response.Messages[^1].Role, Is.EqualTo(ChatRole.Assistant), "the model goes on after the result");
        Assert.That(response.Messages, Has.Count.GreaterThanOrEqualTo(3));
    }

    [Test]
    public async Task Calls_and_results_are_shown_to_the_model()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, Question),
            new(ChatRole.Assistant, [new FunctionCallContent("1", "add", new Dictionary<string, object?> { ["left"] = 47 }), new FunctionCallContent("2", "now")]),
            new(ChatRole.Tool, [new FunctionResultContent("2", "noon"), new FunctionResultContent("1", new { Sum = 105 })]),
        ];
        Message[] same =
        [
            new(Role.User, Question),
            new(Role.Assistant, "") { ToolCalls = [new("1", "add", "{\"left\":47}"), new("2", "now", "{}")] },
            new(Role.Tool, "{\"sum\":105}") { ToolCallId = "1" }, new(Role.Tool, "noon") { ToolCallId = "2" },
        ];
        var response = await _client.GetResponseAsync(messages, new ChatOptions { MaxOutputTokens = 1 });
        Assert.That(response.Usage!.InputTokenCount, Is.EqualTo(_model.CountTokens(same)));
    }

    [TestCase("sunny", "sunny")]
    [TestCase(1.5, "1.5")]
    [TestCase(null, "null")]
    [TestCase(new[] { "é", "b" }, "[\"é\",\"b\"]")]
    public void Results_are_text_or_JSON(object? result, string expected)
    {
        Assert.That(FunctionCalls.From(new FunctionResultContent("1", result)), Is.EqualTo(new Message(Role.Tool, expected) { ToolCallId = "1" }));
        var element = JsonSerializer.SerializeToElement(result, AIJsonUtilities.DefaultOptions);
        Assert.That(FunctionCalls.From(new FunctionResultContent("1", element)).Content, Is.EqualTo(expected));
    }

    [Test]
    public void Arguments_that_are_no_object_are_kept_and_say_what_is_wrong()
    {
        var call = new ToolCall("1", "add", "{\"left\": 4");
        var content = FunctionCalls.ToContent(call);
        Assert.That(content.Exception, Is.Not.Null);
        Assert.That(content.Arguments, Is.Null);
        Assert.That(FunctionCalls.From(content), Is.EqualTo(call), "the model is shown what it wrote");
        Assert.That(FunctionCalls.ToContent(new("1", "add", "[1]")).Exception, Is.Not.Null);
    }

    [Test]
    public void Streamed_calls_are_put_together()
    {
        var calls = new StreamedCalls();
        Assert.That(calls.Add(new(ChunkKind.Answer, "Well.", 1)), Is.Null);
        Assert.That(calls.Add(Piece(0, "a", "")), Is.Null);
        Assert.That(calls.Add(Piece(0, "a", "{\"x\":")), Is.Null);
        Assert.That(calls.Add(Piece(0, "a", "1}")), Is.Null);
        AssertCall(calls.Add(Piece(1, "b", "")), "a", 1);
        Assert.That(calls.Add(Piece(1, "b", "{\"x\":2}")), Is.Null);
        AssertCall(calls.Add(new(ChunkKind.Answer, "", null) { FinishReason = FinishReason.ToolCalls }), "b", 2);

        static GenerationChunk Piece(int index, string name, string text)
            => new(ChunkKind.ToolCall, text, 1) { ToolCall = new(index, $"call_{index}", name) };

        static void AssertCall(FunctionCallContent? call, string name, int x)
        {
            Assert.That(call!.Name, Is.EqualTo(name));
            Assert.That(((JsonElement)call.Arguments!["x"]!).GetInt32(), Is.EqualTo(x));
        }
    }

    [Test]
    public void Options_say_which_functions_there_are()
    {
        var weather = AIFunctionFactory.Create((string city, int? days = 3) => city, "weather", "Tells the weather.");
        var options = Map(new() { Tools = [weather, new AddFunction()], ToolMode = ChatToolMode.RequireSpecific("add"), AllowMultipleToolCalls = false });
        Assert.That(options.Tools!.Select(tool => (tool.Name, tool.Description)), Is.EqualTo(new[] { ("weather", (string?)"Tells the weather."), ("add", null) }));
        Assert.That(JsonElement.DeepEquals(options.Tools![0].Parameters!.Value, weather.JsonSchema));
        Assert.That(options.ToolChoice!.FunctionName, Is.EqualTo("add"));
        Assert.That(options.ParallelToolCalls, Is.False);
        Assert.That(Map(new() { ToolMode = ChatToolMode.RequireAny }).ToolChoice, Is.SameAs(ToolChoice.Required));
        Assert.That(Map(new() { ToolMode = ChatToolMode.None }).ToolChoice, Is.SameAs(ToolChoice.None));
        Assert.That(Map(new() { ToolMode = ChatToolMode.Auto }).ToolChoice, Is.Null);
        Assert.That(Map(new()).ParallelToolCalls);
        var raw = new GenerationOptions { Tools = [new("raw")], ToolChoice = ToolChoice.Auto };
        options = Map(new() { Tools = [weather], ToolMode = ChatToolMode.RequireAny, RawRepresentationFactory = _ => raw });
        Assert.That((options.Tools!.Single().Name, options.ToolChoice), Is.EqualTo(("raw", ToolChoice.Auto)));

        GenerationOptions Map(ChatOptions given) => ChatOptionsMapping.ToGenerationOptions(given, _client, "tiny-r1", 512);
    }

    private static async Task<ChatResponse> AskAsync(IChatClient client, bool streaming, ChatOptions options)
    {
        options.Temperature = 0;
        options.Reasoning = new() { Effort = ReasoningEffort.None };
        return streaming
            ? await client.GetStreamingResponseAsync(Question, options).ToChatResponseAsync()
            : await client.GetResponseAsync(Question, options);
    }

    /// <summary>Adds, and remembers what it gave.</summary>
    private sealed class AddFunction : AIFunction
    {
        public override string Name => "add";

        public override JsonElement JsonSchema => Arguments;

        public List<int> Sums { get; } = [];

        protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
        {
            Sums.Add(((JsonElement)arguments["left"]!).GetInt32() + ((JsonElement)arguments["right"]!).GetInt32());
            return new(Sums[^1]);
        }
    }
}
