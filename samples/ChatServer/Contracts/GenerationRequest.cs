using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatServer;

/// <summary>What requests for chats and for completions have in common.</summary>
internal abstract record GenerationRequest
{
    public string? Model { get; init; }

    public int? MaxTokens { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public float? MinP { get; init; }

    public float? RepetitionPenalty { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? PresencePenalty { get; init; }

    public long? Seed { get; init; }

    /// <summary>A text, or several.</summary>
    public JsonElement? Stop { get; init; }

    /// <summary>Responses to make.</summary>
    public int? N { get; init; }

    public bool? Stream { get; init; }

    public StreamOptions? StreamOptions { get; init; }

    /// <summary>Fields that are none of the others.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>How a response is streamed.</summary>
/// <param name="IncludeUsage">Whether a last piece says what the request took.</param>
internal sealed record StreamOptions(bool? IncludeUsage)
{
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}
