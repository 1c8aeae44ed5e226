namespace DeepSeekEngine;

/// <summary>What a request took.</summary>
public sealed record Usage
{
    /// <summary>Tokens of the rendered prompt, the chat template's own among them.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Those of them that were not computed, because the cache still held them from another request.</summary>
    public int CachedPromptTokens { get; init; }

    /// <summary>Tokens produced before the answer began: the reasoning and its tags.</summary>
    public int ReasoningTokens { get; init; }

    /// <summary>Tokens produced from the beginning of the answer on, those of a stop sequence and the end of text included.</summary>
    public int AnswerTokens { get; init; }

    /// <summary>Tokens produced: <see cref="ReasoningTokens"/> + <see cref="AnswerTokens"/>.</summary>
    public int CompletionTokens => ReasoningTokens + AnswerTokens;

    /// <summary>Guesses at a next token by the multi-token-prediction module that were verified.</summary>
    public int DraftedTokens { get; init; }

    /// <summary>Those of them that were right: each saved a step.</summary>
    public int AcceptedTokens { get; init; }

    /// <summary>Time the request waited for others before it was begun.</summary>
    public TimeSpan TimeInQueue { get; init; }

    /// <summary>Time from the request to its first produced token: waiting for a turn, then processing the prompt.</summary>
    public TimeSpan TimeToFirstToken { get; init; }

    /// <summary>Time from the request to its last produced token.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>
    /// Decoding speed, tokens a second: the tokens after the first over the time after the first. 0 where fewer than two tokens were
    /// produced or no time passed between them.
    /// </summary>
    public double TokensPerSecond
    {
        get
        {
            double seconds = (Duration - TimeToFirstToken).TotalSeconds;
            return CompletionTokens > 1 && seconds > 0 ? (CompletionTokens - 1) / seconds : 0;
        }
    }
}
