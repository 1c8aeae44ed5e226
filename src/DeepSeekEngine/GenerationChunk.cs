namespace DeepSeekEngine;

/// <summary>A piece of a streamed response. The last has <see cref="FinishReason"/> and <see cref="Usage"/>; no other has.</summary>
/// <param name="Kind">The part of the response the text belongs to.</param>
/// <param name="Text">
/// Text to append to that part; may be empty. Never half a character, and never the beginning of what may still become a tag or a stop
/// sequence, so it can come a few tokens after the token it is from.
/// </param>
/// <param name="TokenId">The token that released the text; null where no single token did, as at the end of a response.</param>
public sealed record GenerationChunk(ChunkKind Kind, string Text, int? TokenId)
{
    /// <summary>The call whose arguments the text belongs to; null unless the kind is <see cref="ChunkKind.ToolCall"/>.</summary>
    public ToolCallPart? ToolCall { get; init; }

    /// <summary>Why the response ended; null on every chunk but the last.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>What the request took; null on every chunk but the last.</summary>
    public Usage? Usage { get; init; }

    /// <summary>
    /// The tokens produced since the piece before, and what could have stood in their place; empty unless
    /// <see cref="GenerationOptions.TopLogProbabilities"/> asks for them.
    /// </summary>
    public IReadOnlyList<TokenAlternatives> LogProbabilities { get; init; } = [];
}
