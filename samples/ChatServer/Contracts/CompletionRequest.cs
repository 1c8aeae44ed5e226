using System.Text.Json;

namespace ChatServer;

/// <summary>The body of <c>POST /v1/completions</c>.</summary>
internal sealed record CompletionRequest : GenerationRequest
{
    /// <summary>A text or a list of tokens, or a list of one of them.</summary>
    public JsonElement? Prompt { get; init; }

    /// <summary>How many of the most probable tokens are reported with each.</summary>
    public int? Logprobs { get; init; }

    /// <summary>Responses to choose from; only as many as are asked for.</summary>
    public int? BestOf { get; init; }
}
