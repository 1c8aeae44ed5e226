using System.Text;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>The tokens of a streamed response, apart by whether they are reasoning: up to the one that completes its closing tag.</summary>
internal sealed class TokenParts
{
    private const string ClosingTag = "</think>";

    private bool _reasons = true;

    /// <summary>Those of the next piece; null for none.</summary>
    public ChatLogProbabilities? Next(GenerationChunk piece)
    {
        var tokens = piece.LogProbabilities;
        if (tokens.Count == 0)
        {
            return null;
        }

        if (piece.Kind is ChunkKind.Reasoning || !_reasons)
        {
            return TokenBodies.Parts(tokens, piece.Kind is ChunkKind.Reasoning ? tokens.Count : 0);
        }

        // The first piece that is not reasoning comes with the tokens of the tag before it.
        _reasons = false;
        return TokenBodies.Parts(tokens, TagEnd(tokens));
    }

    private static int TagEnd(IReadOnlyList<TokenAlternatives> tokens)
    {
        var text = new StringBuilder();
        for (var i = 0; i < tokens.Count; i++)
        {
            text.Append(tokens[i].Token.Text);
            if (text.ToString().Contains(ClosingTag, StringComparison.Ordinal))
            {
                return i + 1;
            }
        }

        return 0;
    }
}
