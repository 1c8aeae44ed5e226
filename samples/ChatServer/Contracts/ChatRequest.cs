using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatServer;

/// <summary>The body of <c>POST /v1/chat/completions</c>.</summary>
internal sealed record ChatRequest : GenerationRequest
{
    public IReadOnlyList<ChatMessage?>? Messages { get; init; }

    /// <summary>The newer name of <see cref="GenerationRequest.MaxTokens"/>.</summary>
    public int? MaxCompletionTokens { get; init; }

    public bool? Logprobs { get; init; }

    public int? TopLogprobs { get; init; }

    public ResponseFormatBody? ResponseFormat { get; init; }

    public IReadOnlyList<ToolBody?>? Tools { get; init; }

    /// <summary>A word, or an object that names a function.</summary>
    public JsonElement? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public string? ReasoningEffort { get; init; }

    /// <summary>Tokens the model may think; precedes <see cref="ReasoningEffort"/>.</summary>
    public int? MaxThinkingTokens { get; init; }
}

/// <summary>A message of a conversation.</summary>
internal sealed record ChatMessage
{
    public string? Role { get; init; }

    /// <summary>A text, or a list of parts.</summary>
    public JsonElement? Content { get; init; }

    public IReadOnlyList<ToolCallBody?>? ToolCalls { get; init; }

    public string? ToolCallId { get; init; }

    /// <summary>Fields that are none of the others.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>What an answer looks like.</summary>
internal sealed record ResponseFormatBody(string? Type, JsonSchemaBody? JsonSchema);

/// <summary>A schema with its name, which is for whoever reads it.</summary>
internal sealed record JsonSchemaBody(JsonElement? Schema);

/// <summary>A tool that is offered.</summary>
internal sealed record ToolBody(string? Type, FunctionBody? Function);

/// <summary>A function that is offered.</summary>
internal sealed record FunctionBody(string? Name, string? Description, JsonElement? Parameters);
