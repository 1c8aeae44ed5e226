using System.Text.Json.Nodes;
using OpenAI.Chat;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>Answers that keep to a format, and calls of tools.</summary>
public sealed class FormatAndToolTests
{
    private static readonly JsonNode Tools = JsonNode.Parse(
        """
        [{"type":"function","function":{"name":"add","description":"Adds.","parameters":
          {"type":"object","properties":{"sign":{"enum":["+","-"]}},"required":["sign"],"additionalProperties":false}}}]
        """)!;

    private static ChatClient Chat => Shared.Server.Client().GetChatClient("tiny-r1");

    [Test]
    public async Task An_answer_is_of_its_schema()
    {
        var format = ChatResponseFormat.CreateJsonSchemaFormat(
            "sum", BinaryData.FromString("""{"type":"object","properties":{"sum":{"enum":[105]}},"required":["sum"],"additionalProperties":false}"""));
        ChatCompletion completion = await Chat.CompleteChatAsync(
            [new UserChatMessage(Shared.Question)], new ChatCompletionOptions { ResponseFormat = format });
        Assert.That((int)JsonNode.Parse(completion.Content.Single().Text)!["sum"]!, Is.EqualTo(105));
    }

    [Test]
    public async Task An_answer_may_be_any_object()
    {
        var response = await Shared.Server.AskAsync(
            Shared.Chat, Shared.Ask(("response_format", new JsonObject { ["type"] = "json_object" }), ("max_tokens", 1900)));
        var choice = response["choices"]![0]!;
        Assert.That((string?)choice["finish_reason"], Is.EqualTo("stop"));
        Assert.That(JsonNode.Parse((string)choice["message"]!["content"]!), Is.TypeOf<JsonObject>());
    }

    [Test]
    public async Task A_tool_is_called()
    {
        var options = new ChatCompletionOptions { ToolChoice = ChatToolChoice.CreateFunctionChoice("add"), AllowParallelToolCalls = false };
        options.Tools.Add(ChatTool.CreateFunctionTool("add", "Adds.", BinaryData.FromString(Tools[0]!["function"]!["parameters"]!.ToJsonString())));
        ChatCompletion completion = await Chat.CompleteChatAsync([new UserChatMessage(Shared.Question)], options);
        Assert.That(completion.FinishReason, Is.EqualTo(ChatFinishReason.ToolCalls));
        var call = completion.ToolCalls.Single();
        Assert.That(call.FunctionName, Is.EqualTo("add"));
        Assert.That((string?)JsonNode.Parse(call.FunctionArguments.ToString())!["sign"], Is.EqualTo("+").Or.EqualTo("-"));

        ChatCompletion answer = await Chat.CompleteChatAsync(
            [new UserChatMessage(Shared.Question), new AssistantChatMessage(completion), new ToolChatMessage(call.Id, "105")],
            new ChatCompletionOptions { MaxOutputTokenCount = 5 });
        Assert.That(answer.Usage.OutputTokenCount, Is.InRange(1, 5));
    }

    [Test]
    public async Task A_call_is_streamed_in_pieces()
    {
        var (name, arguments, reason) = ("", "", "");
        await foreach (var one in Shared.Server.StreamAsync(
            Shared.Chat, Shared.Ask(("tools", Tools.DeepClone()), ("tool_choice", "required"), ("parallel_tool_calls", false))))
        {
            var choice = one?["choices"]![0];
            var call = choice?["delta"]!["tool_calls"]?[0];
            name += (string?)call?["function"]!["name"];
            arguments += (string?)call?["function"]!["arguments"];
            reason += (string?)choice?["finish_reason"];
        }

        Assert.That(name, Is.EqualTo("add"));
        Assert.That((string?)JsonNode.Parse(arguments)!["sign"], Is.EqualTo("+").Or.EqualTo("-"));
        Assert.That(reason, Is.EqualTo("tool_calls"));
    }

    [Test]
    public async Task A_tool_whose_schema_cannot_be_kept_to_is_refused()
    {
        var tools = Tools.DeepClone();
        tools[0]!["function"]!["parameters"]!["not"] = new JsonObject();
        using var response = await Shared.Server.PostAsync(Shared.Chat, Shared.Ask(("tools", tools)).ToJsonString());
        var error = await Errors.CheckAsync(response, 400);
        Assert.That((string?)error["message"], Does.Contain("add").And.Contain("not"));
        Assert.That((string?)error["param"], Is.EqualTo("tools"));
    }
}
