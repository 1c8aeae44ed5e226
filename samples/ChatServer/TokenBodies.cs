using System.Text;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>Tokens and their log-probabilities as bodies have them.</summary>
internal static class TokenBodies
{
    /// <param name="tokens">The tokens.</param>
    /// <param name="reasoning">How many of them, from the first on, are reasoning.</param>
    public static ChatLogProbabilities Parts(IReadOnlyList<TokenAlternatives> tokens, int reasoning) => new(
        reasoning > 0 ? [.. tokens.Take(reasoning).Select(From)] : null,
        [.. tokens.Skip(reasoning).Select(From)]);

    /// <summary>As completions have them.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="offset">Characters of the tokens before them.</param>
    public static CompletionLogProbabilities Lists(IReadOnlyList<TokenAlternatives> tokens, int offset)
    {
        var offsets = new int[tokens.Count];
        for (var i = 0; i < offsets.Length; i++)
        {
            offsets[i] = offset;
            offset += tokens[i].Token.Text.Length;
        }

        return new CompletionLogProbabilities(
            [.. tokens.Select(token => token.Token.Text)], [.. tokens.Select(token => token.Token.LogProbability)],
            [.. tokens.Select(Alternatives)], offsets);
    }

    private static TokenBody From(TokenAlternatives token)
        => From(token.Token, [.. token.Top.Select(other => From(other, null))]);

    private static TokenBody From(TokenLogProbability token, TokenBody[]? alternatives) => new(token.Text, token.LogProbability, alternatives)
    {
        Bytes = token.Text.Contains('\uFFFD') ? null : [.. Encoding.UTF8.GetBytes(token.Text).Select(value => (int)value)],
    };

    /// <summary>By their texts: of several that have the same, such as parts of characters, the most probable one.</summary>
    private static Dictionary<string, float> Alternatives(TokenAlternatives token)
    {
        var alternatives = new Dictionary<string, float>();
        foreach (var other in token.Top)
        {
            alternatives.TryAdd(other.Text, other.LogProbability);
        }

        return alternatives;
    }
}
