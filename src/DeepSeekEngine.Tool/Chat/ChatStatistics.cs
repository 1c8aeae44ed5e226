namespace DeepSeekEngine.Tool.Chat;

/// <summary>What the questions of a session took so far.</summary>
internal sealed record ChatStatistics
{
    public required int Questions { get; init; }

    /// <summary>Tokens of the conversation as the next prompt will begin with.</summary>
    public required int ContextTokens { get; init; }

    public required int ContextLength { get; init; }

    public required long PromptTokens { get; init; }

    public required long CachedPromptTokens { get; init; }

    public required long ReasoningTokens { get; init; }

    public required long AnswerTokens { get; init; }

    public required long DraftedTokens { get; init; }

    public required long AcceptedTokens { get; init; }

    /// <summary>Seconds to the first token, the mean of all questions.</summary>
    public required double TimeToFirstToken { get; init; }

    /// <summary>Decoded tokens a second, over all questions.</summary>
    public required double TokensPerSecond { get; init; }

    public static ChatStatistics Of(IEnumerable<Exchange> exchanges, int contextTokens, int contextLength)
    {
        var usages = exchanges.Select(exchange => exchange.Usage).OfType<Usage>().ToList();
        var seconds = usages.Sum(usage => (usage.Duration - usage.TimeToFirstToken).TotalSeconds);
        return new ChatStatistics
        {
            Questions = usages.Count,
            ContextTokens = contextTokens,
            ContextLength = contextLength,
            PromptTokens = usages.Sum(usage => (long)usage.PromptTokens),
            CachedPromptTokens = usages.Sum(usage => (long)usage.CachedPromptTokens),
            ReasoningTokens = usages.Sum(usage => (long)usage.ReasoningTokens),
            AnswerTokens = usages.Sum(usage => (long)usage.AnswerTokens),
            DraftedTokens = usages.Sum(usage => (long)usage.DraftedTokens),
            AcceptedTokens = usages.Sum(usage => (long)usage.AcceptedTokens),
            TimeToFirstToken = usages.Count > 0 ? usages.Average(usage => usage.TimeToFirstToken.TotalSeconds) : 0,
            TokensPerSecond = seconds > 0 ? usages.Sum(usage => Math.Max(0, usage.CompletionTokens - 1)) / seconds : 0,
        };
    }
}
