using System.Text.Json.Nodes;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>What an error must be like.</summary>
internal static class Errors
{
    /// <summary>Checks that a response is an error in OpenAI's form that tells nothing of how the server is made.</summary>
    /// <returns>The error.</returns>
    public static async Task<JsonNode> CheckAsync(HttpResponseMessage response, int status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(status), text);
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/json"));
        var body = JsonNode.Parse(text)!.AsObject();
        Assert.That(body.Select(field => field.Key), Is.EqualTo(new[] { "error" }));
        Check(body["error"]!);
        return body["error"]!;
    }

    /// <summary>The same of an error that came alone.</summary>
    public static void Check(JsonNode error)
    {
        Assert.That(error.AsObject().Select(field => field.Key), Is.EquivalentTo(new[] { "message", "type", "param", "code" }));
        Assert.That((string?)error["message"], Is.Not.Empty);
        Assert.That((string?)error["type"], Does.EndWith("_error"));
        Assert.That(error.ToJsonString(), Does.Not.Match(@"   at |\.cs|Exception|System\.|ChatServer\."), "It tells how the server is made.");
    }
}
