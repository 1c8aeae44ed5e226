using System.Threading.Channels;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// From a response's tokens to its chunks: bytes to whole characters, reasoning apart from the answer, the answer up to a stop
/// sequence.
/// </summary>
internal sealed class ResponseText(DeepSeekTokenizer tokenizer, ThinkSplitter splitter, StopSequences stops)
{
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private readonly int? _openingTag = tokenizer.FindToken(ThinkSplitter.OpeningTag);
    private readonly int? _closingTag = tokenizer.FindToken(ThinkSplitter.ClosingTag);
    private List<TokenAlternatives>? _alternatives;

    public bool InReasoning => splitter.InReasoning;

    /// <summary>Whether the answer came to a stop sequence.</summary>
    public bool Stopped => stops.Matched;

    /// <summary>Adds what the next piece says about the tokens it is made of.</summary>
    public void Append(TokenAlternatives alternatives) => (_alternatives ??= []).Add(alternatives);

    public void Append(int token, ChannelWriter<GenerationChunk> chunks)
    {
        splitter.Append(IsText(token) ? _decoder.Append(token) : string.Empty);
        Write(ChunkKind.Reasoning, splitter.Reasoning, token, chunks);
        Write(ChunkKind.Answer, stops.Append(splitter.Answer), token, chunks);
    }

    /// <summary>Passes on what was held back, and the last chunk.</summary>
    public void Complete(ChannelWriter<GenerationChunk> chunks, FinishReason reason, Usage usage)
    {
        splitter.Append(_decoder.Flush());
        Write(ChunkKind.Reasoning, splitter.Reasoning, null, chunks);
        Write(ChunkKind.Answer, stops.Append(splitter.Answer), null, chunks);
        splitter.Complete();
        Write(ChunkKind.Reasoning, splitter.Reasoning, null, chunks);
        Write(ChunkKind.Answer, stops.Append(splitter.Answer), null, chunks);
        chunks.TryWrite(new GenerationChunk(ChunkKind.Answer, stops.Complete().ToString(), null) 
        {
            FinishReason = reason,
            Usage = usage,
            LogProbabilities = TakeAlternatives(),
        });
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
