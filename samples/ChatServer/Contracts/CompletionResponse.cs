using System.Text.Json.Serialization;

namespace ChatServer;

/// <summary>Continuations, whole, or pieces of them. Fields are written in the order they have here.</summary>
internal sealed record CompletionResponse(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<CompletionChoice> Choices)
{
    /// <summary>Where it is streamed, on the last piece and only if it was asked for.</summary>
    public UsageBody? Usage { get; init; }
}

/// <summary>One of the continuations, or a piece of it.</summary>
internal sealed record CompletionChoice(int Index, string Text)
{
    /// <summary>What the model thought, where the prompt or the continuation opens the reasoning; null where it did not.</summary>
    public string? ReasoningContent { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public CompletionLogProbabilities? Logprobs { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }
}

/// <summary>The tokens of a continuation, in lists of one length.</summary>
/// <param name="TopLogprobs">The most probable tokens of each place.</param>
/// <param name="TextOffset">Characters of the tokens before.</param>
internal sealed record CompletionLogProbabilities(
    IReadOnlyList<string> Tokens, IReadOnlyList<float> TokenLogprobs, IReadOnlyList<IReadOnlyDictionary<string, float>> TopLogprobs,
    IReadOnlyList<int> TextOffset);
