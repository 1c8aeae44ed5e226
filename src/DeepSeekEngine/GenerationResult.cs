using System.Text;

namespace DeepSeekEngine;

/// <summary>A whole response.</summary>
public sealed record GenerationResult
{
    /// <summary>What the model thought, without its tags; empty where it did not think.</summary>
    public required string Reasoning { get; init; }

    /// <summary>The answer; empty where the response ended before the reasoning did.</summary>
    public required string Text { get; init; }

    /// <summary>The calls the model asks for; empty for none.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Why the response ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>What the request took.</summary>
    public required Usage Usage { get; init; }

    /// <summary>The tokens produced and what could have stood in their place; empty unless asked for.</summary>
    public IReadOnlyList<TokenAlternatives> LogProbabilities { get; init; } = [];

    internal static async Task<GenerationResult> CollectAsync(IAsyncEnumerable<GenerationChunk> chunks)
    {
        var reasoning = new StringBuilder();
        var answer = new StringBuilder();
        var calls = new ToolCallCollector();
        var alternatives = new List<TokenAlternatives>();
        GenerationChunk? last = null;
        await foreach (var chunk in chunks.ConfigureAwait(false))
        {
            if (chunk.Kind is not ChunkKind.ToolCall)
            {
                (chunk.Kind is ChunkKind.Reasoning ? reasoning : answer).Append(chunk.Text);
            }

            calls.Add(chunk);
            alternatives.AddRange(chunk.LogProbabilities);
            last = chunk;
        }

        return new GenerationResult
        {
            Reasoning = reasoning.ToString(),
            Text = answer.ToString(),
            ToolCalls = calls.ToCalls(),
            FinishReason = last!.FinishReason!.Value,
            Usage = last.Usage!,
            LogProbabilities = alternatives,
        };
    }
}
