using DeepSeekEngine;

namespace ChatServer;

/// <summary>One response, from the engine's pieces to those that are sent.</summary>
internal sealed class ChatStream(int index)
{
    private readonly TokenParts _tokens = new();
    private bool _begun;
    private int _lastCall = -1;

    /// <summary>The pieces to send for the next one of the engine.</summary>
    public IEnumerable<ChatChunkChoice> Next(GenerationChunk piece)
    {
        if (!_begun)
        {
            _begun = true;
            yield return new ChatChunkChoice(index, new Delta { Role = "assistant", Content = "" });
        }

        var tokens = _tokens.Next(piece);
        if (piece.Text.Length > 0 || tokens is not null || piece.ToolCall is not null)
        {
            yield return new ChatChunkChoice(index, DeltaOf(piece)) { Logprobs = tokens };
        }

        if (piece.FinishReason is { } reason)
        {
            yield return new ChatChunkChoice(index, new Delta()) { FinishReason = Responses.FinishReason(reason) };
        }
    }

    private Delta DeltaOf(GenerationChunk piece) => piece switch
    {
        { ToolCall: { } call } => new Delta { ToolCalls = [CallOf(call, piece.Text)] },
        { Kind: ChunkKind.Reasoning } => new Delta { ReasoningContent = piece.Text },
        _ => new Delta { Content = piece.Text },
    };

    private ToolCallBody CallOf(ToolCallPart call, string arguments)
    {
        var isFirst = call.Index != _lastCall;
        _lastCall = call.Index;
        return isFirst
            ? new ToolCallBody(call.Index, call.Id, "function", new CalledFunction(call.Name, arguments))
            : new ToolCallBody(call.Index, null, null, new CalledFunction(null, arguments));
    }
}
