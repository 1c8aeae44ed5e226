using System.Text.Json;
using System.Text.Json.Nodes;
using ChatServer;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>The engine's pieces as those that are sent.</summary>
public sealed class ChatStreamTests
{
    [Test]
    public void A_call_is_named_once_and_its_arguments_follow()
    {
        var deltas = Send(
            Piece(ChunkKind.Reasoning, "Hm."), Piece(ChunkKind.Answer, "I look."),
            Call(0, "a", "get", ""), Call(0, "a", "get", "{\"key\""), Call(0, "a", "get", ":1}"), Call(1, "b", "put", "{}"),
            Piece(ChunkKind.Answer, "") with { FinishReason = FinishReason.ToolCalls, Usage = new Usage() });
        Assert.That(deltas, Is.EqualTo(new[]
        {
            """{"role":"assistant","content":""}""",
            """{"reasoning_content":"Hm."}""",
            """{"content":"I look."}""",
            """{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"get","arguments":""}}]}""",
            """{"tool_calls":[{"index":0,"function":{"arguments":"{\"key\""}}]}""",
            """{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}""",
            """{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"put","arguments":"{}"}}]}""",
            "tool_calls",
        }));
    }

    [TestCase(FinishReason.EndOfText, "stop")]
    [TestCase(FinishReason.StopSequence, "stop")]
    [TestCase(FinishReason.MaxTokens, "length")]
    [TestCase(FinishReason.ContextFull, "length")]
    public void The_end_says_why(FinishReason reason, string expected)
        => Assert.That(Send(Piece(ChunkKind.Answer, "") with { FinishReason = reason }), Is.EqualTo(new[] { """{"role":"assistant","content":""}""", expected }));

    [Test]
    public void Tokens_are_reasoning_up_to_the_one_that_ends_it()
    {
        var stream = new ChatStream(0);
        Assert.That(Tokens(stream, ChunkKind.Reasoning, "Hm", "."), Is.EqualTo("Hm.|"));
        Assert.That(Tokens(stream, ChunkKind.Answer, "\n</", "think", ">\n", "\n", "105"), Is.EqualTo("\n</think>\n|\n105"));
        Assert.That(Tokens(stream, ChunkKind.Answer, " </think>"), Is.EqualTo("| </think>"), "In the answer it is text.");

        var answer = new ChatStream(0);
        Assert.That(Tokens(answer, ChunkKind.Answer, "105"), Is.EqualTo("|105"));
    }

    private static string[] Send(params GenerationChunk[] pieces)
    {
        var stream = new ChatStream(0);
        return [.. pieces.SelectMany(stream.Next).Select(choice => choice.FinishReason ?? Json(choice)["delta"]!.ToJsonString(ApiJson.Web.Options))];
    }

    /// <summary>The tokens that are sent as reasoning, and those that are sent as the answer.</summary>
    private static string Tokens(ChatStream stream, ChunkKind kind, params string[] tokens)
    {
        var piece = Piece(kind, "x") with
        {
            LogProbabilities = [.. tokens.Select(token => new TokenAlternatives(new TokenLogProbability(1, token, -1), []))],
        };
        var sent = Json(stream.Next(piece).Last())["logprobs"]!;
        return $"{Texts(sent["reasoning_content"])}|{Texts(sent["content"])}";

        static string Texts(JsonNode? list) => string.Concat(list?.AsArray().Select(token => (string?)token!["token"]) ?? []);
    }

    private static JsonNode Json(ChatChunkChoice choice) => JsonSerializer.SerializeToNode(choice, ApiJson.Web.ChatChunkChoice)!;

    private static GenerationChunk Piece(ChunkKind kind, string text) => new(kind, text, null);

    private static GenerationChunk Call(int index, string id, string name, string text)
        => Piece(ChunkKind.ToolCall, text) with { ToolCall = new ToolCallPart(index, id, name) };
}
