namespace DeepSeekEngine;

/// <summary>A whole response.</summary>
public sealed record GenerationResult
{
    /// <summary>What the model thought, without its tags; empty where it did not think.</summary>
    public required string Reasoning { get; init; }

    /// <summary>The answer; empty where the response ended before the reasoning did.</summary>
    public required string Text { get; init; }

    /// <summary>Why the response ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>What the request took.</summary>
    public required Usage Usage { get; init; }
}
