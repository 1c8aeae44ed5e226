using System.Text.Json.Nodes;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>The server that tests share which do not change it, and what they ask it.</summary>
[SetUpFixture]
public sealed class Shared
{
    public const string Chat = "v1/chat/completions";
    public const string Completions = "v1/completions";
    public const string Question = "What is 47 + 58?";
    public const string Answer = "47 + 58 = 105";

    internal static RunningServer Server { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => Server = await RunningServer.StartAsync("--Server:RequestsPerMinute=100000");

    [OneTimeTearDown]
    public async Task StopAsync() => await Server.DisposeAsync();

    /// <summary>A chat that asks the question, with fields that are added or changed.</summary>
    internal static JsonObject Ask(params (string Name, JsonNode? Value)[] fields) => With(
        new JsonObject
        {
            ["model"] = "tiny-r1",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = Question }),
        }, fields);

    /// <summary>A completion of a text, with fields that are added or changed.</summary>
    internal static JsonObject Continue(JsonNode prompt, params (string Name, JsonNode? Value)[] fields)
        => With(new JsonObject { ["model"] = "tiny-r1", ["prompt"] = prompt }, fields);

    private static JsonObject With(JsonObject body, (string Name, JsonNode? Value)[] fields)
    {
        foreach (var (name, value) in fields)
        {
            body[name] = value;
        }

        return body;
    }
}
