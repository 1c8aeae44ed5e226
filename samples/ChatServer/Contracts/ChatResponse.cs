using System.Text.Json.Serialization;

namespace ChatServer;

/// <summary>An answer, whole. Fields are written in the order they have here.</summary>
internal sealed record ChatResponse(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChoice> Choices, UsageBody Usage);

/// <summary>One of the responses asked for.</summary>
internal sealed record ChatChoice(int Index, AnswerMessage Message, string FinishReason)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogProbabilities? Logprobs { get; init; }
}

/// <summary>What the model says.</summary>
/// <param name="ReasoningContent">What it thought before; null where it did not.</param>
/// <param name="ToolCalls">The calls it asks for; null for none.</param>
internal sealed record AnswerMessage(string Role, string? ReasoningContent, IReadOnlyList<ToolCallBody>? ToolCalls)
{
    /// <summary>The answer; null where there is none beside calls.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Content { get; init; }
}

/// <summary>A call the model asks for or, in a streamed response, a piece of one.</summary>
/// <param name="Index">Which of the response's calls; null where the call is whole.</param>
/// <param name="Id">Null, as the type, but in a call's first piece.</param>
internal sealed record ToolCallBody(int? Index, string? Id, string? Type, CalledFunction? Function);

/// <summary>The function called.</summary>
internal sealed record CalledFunction(string? Name, string? Arguments);

/// <summary>A piece of a streamed answer.</summary>
internal sealed record ChatChunk(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChunkChoice> Choices)
{
    /// <summary>On the last piece, if it was asked for.</summary>
    public UsageBody? Usage { get; init; }
}

/// <summary>A piece of one of the responses asked for.</summary>
internal sealed record ChatChunkChoice(int Index, Delta Delta)
{
    public ChatLogProbabilities? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

/// <summary>What a piece adds to the answer.</summary>
internal sealed record Delta
{
    public string? Role { get; init; }

    public string? ReasoningContent { get; init; }

    public string? Content { get; init; }

    public IReadOnlyList<ToolCallBody>? ToolCalls { get; init; }
}

/// <summary>The tokens of an answer, and those of the reasoning before it.</summary>
internal sealed record ChatLogProbabilities(IReadOnlyList<TokenBody>? ReasoningContent, IReadOnlyList<TokenBody> Content);

/// <summary>A token, and what could have stood in its place; null within that list.</summary>
/// <param name="Logprob">The natural logarithm of its probability.</param>
/// <param name="TopLogprobs">The most probable tokens.</param>
internal sealed record TokenBody(string Token, float Logprob, IReadOnlyList<TokenBody>? TopLogprobs)
{
    /// <summary>The token's text in UTF-8; null where it is not whole characters.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<int>? Bytes { get; init; }
}
