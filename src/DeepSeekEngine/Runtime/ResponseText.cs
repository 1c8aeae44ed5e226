using System.Threading.Channels;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// From a response's tokens to its chunks: bytes to whole characters, reasoning apart from the answer, the answer up to a stop
/// sequence, calls of tools apart from both.
/// </summary>
/// <param name="tokenizer">Whose tokens they are.</param>
/// <param name="splitter">Tells reasoning and answer apart.</param>
/// <param name="stops">What ends the answer. Arguments of calls are not looked at.</param>
/// <param name="calls">Finds the calls in the answer; null where none are asked for, so that the tokens around them are text.</param>
internal sealed class ResponseText(DeepSeekTokenizer tokenizer, ThinkSplitter splitter, StopSequences stops, ToolCallReader? calls = null)
{
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private readonly int? _openingTag = tokenizer.FindToken(ThinkSplitter.OpeningTag);
    private readonly int? _closingTag = tokenizer.FindToken(ThinkSplitter.ClosingTag);
    private List<TokenAlternatives>? _alternatives;

    public bool InReasoning => splitter.InReasoning;

    /// <summary>Whether the answer came to a stop sequence.</summary>
    public bool Stopped => stops.Matched;

    /// <summary>Whether tools are called.</summary>
    public bool HasCalls => calls is { Calls: > 0 };

    /// <summary>Whether the calls are all made, and the response with them.</summary>
    public bool CallsEnded => calls is { Ended: true };

    /// <summary>Adds what the next piece says about the tokens it is made of.</summary>
    public void Append(TokenAlternatives alternatives) => (_alternatives ??= []).Add(alternatives);

    /// <inheritdoc cref="ThinkSplitter.BeginReasoning"/>
    public void BeginReasoning() => splitter.BeginReasoning();

    /// <inheritdoc cref="ThinkSplitter.BeginAnswer"/>
    public void BeginAnswer() => splitter.BeginAnswer();

    public void Append(int token, ChannelWriter<GenerationChunk> chunks)
    {
        if (calls is not null && calls.IsMarker(token) && !splitter.InReasoning)
        {
            AppendMarker(calls, token, chunks);
            return;
        }

        splitter.Append(IsText(token) ? _decoder.Append(token) : string.Empty);
        WriteSplit(token, chunks);
    }

    /// <summary>Passes on what was held back, and the last chunk.</summary>
    public void Complete(ChannelWriter<GenerationChunk> chunks, FinishReason reason, Usage usage)
    {
        splitter.Append(_decoder.Flush());
        WriteSplit(null, chunks);
        splitter.Complete();
        WriteSplit(null, chunks);
        if (calls is not null)
        {
            calls.Complete();
            WritePieces(calls, null, chunks);
        }

        chunks.TryWrite(new GenerationChunk(ChunkKind.Answer, stops.Complete().ToString(), null)
        {
            FinishReason = reason,
            Usage = usage,
            LogProbabilities = TakeAlternatives(),
        });
    }

    private void AppendMarker(ToolCallReader calls, int token, ChannelWriter<GenerationChunk> chunks)
    {
        // Text on either side of a marker is not one text: neither a character nor a tag nor a stop sequence spans it.
        splitter.Append(_decoder.Flush());
        WriteSplit(token, chunks);
        splitter.BeginAnswer();
        WriteSplit(token, chunks);
        Write(ChunkKind.Answer, stops.Interrupt(), token, chunks);
        if (!stops.Matched)
        {
            calls.Append(token, tokenizer.Decode([token], skipSpecial: false));
            WritePieces(calls, token, chunks);
        }
    }

    private void WriteSplit(int? token, ChannelWriter<GenerationChunk> chunks)
    {
        Write(ChunkKind.Reasoning, splitter.Reasoning, token, chunks);
        if (calls is null)
        {
            Write(ChunkKind.Answer, stops.Append(splitter.Answer), token, chunks);
        }
        else if (!splitter.Answer.IsEmpty)
        {
            calls.Append(splitter.Answer);
            WritePieces(calls, token, chunks);
        }
    }

    private void WritePieces(ToolCallReader calls, int? token, ChannelWriter<GenerationChunk> chunks)
    {
        foreach (var (call, text) in calls.Pieces)
        {
            if (call is null)
            {
                Write(ChunkKind.Answer, stops.Append(text), token, chunks);
            }
            else
            {
                chunks.TryWrite(new GenerationChunk(ChunkKind.ToolCall, text, token) { ToolCall = call, LogProbabilities = TakeAlternatives() });
            }
        }
    }

    /// <summary>
    /// Special tokens steer the model and are nobody's text. The tags around the reasoning are needed even where a file marks them special.
    /// </summary>
    private bool IsText(int token) => !tokenizer.IsSpecial(token) || token == _openingTag || token == _closingTag;

    private void Write(ChunkKind kind, ReadOnlySpan<char> text, int? token, ChannelWriter<GenerationChunk> chunks)
    {
        if (!text.IsEmpty)
        {
            chunks.TryWrite(new GenerationChunk(kind, text.ToString(), token) { LogProbabilities = TakeAlternatives() });
        }
    }

    private IReadOnlyList<TokenAlternatives> TakeAlternatives()
    {
        IReadOnlyList<TokenAlternatives> taken = _alternatives ?? [];
        _alternatives = null;
        return taken;
    }
}
