namespace DeepSeekEngine;

/// <summary>
/// How a response is produced. A property that is null takes what the checkpoint's generation_config.json recommends or, where that
/// says nothing, the neutral value its description names.
/// </summary>
/// <remarks>
/// Next-token logits pass, in this order: <see cref="RepetitionPenalty"/>; <see cref="FrequencyPenalty"/> and
/// <see cref="PresencePenalty"/>; <see cref="Temperature"/>; <see cref="TopK"/>; <see cref="TopP"/>; <see cref="MinP"/>. One token is
/// drawn from what remains, by its renormalised probability.
/// </remarks>
public sealed record GenerationOptions
{
    /// <summary>Tokens produced at most, reasoning and answer together; at least 1. Neutral: until the context is full.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int? MaxTokens { get; init => field = OptionRange.Check(value, 1, int.MaxValue); }

    /// <summary>
    /// Tokens the model may think; then its reasoning is closed and it answers. 0: it answers at once. Null: as long as it likes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int? MaxThinkingTokens { get; init => field = OptionRange.Check(value, 0, int.MaxValue); }

    /// <summary>
    /// Whether the response is made to begin with the reasoning, where the chat template leaves that to the model. Not together with a
    /// thinking budget of 0.
    /// </summary>
    public bool ForceThinking { get; init; }

    /// <summary>
    /// Reports for every produced token its log-probability and those of this many most probable tokens, 0 to 20. Null: nothing.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int? TopLogProbabilities { get; init => field = OptionRange.Check(value, 0, 20); }

    /// <summary>
    /// What logits are divided by, 0 to 100. 0: always the most probable token, and the one of lowest id among equals, whatever the
    /// other properties but the penalties say. Neutral: 1, but 0 where the checkpoint recommends not to sample.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? Temperature { get; init => field = OptionRange.Check(value, 0, 100); }

    /// <summary>
    /// Keeps the fewest most probable tokens whose probabilities, as they are after <see cref="TopK"/>, sum to at least this, 0 to 1;
    /// always one. Neutral: 1, all tokens.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? TopP { get; init => field = OptionRange.Check(value, 0, 1); }

    /// <summary>Keeps this many most probable tokens, those of lowest id among equals. Neutral: 0, all tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int? TopK { get; init => field = OptionRange.Check(value, 0, int.MaxValue); }

    /// <summary>Keeps the tokens at least this times as probable as the most probable one, 0 to 1. Neutral: 0, all tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? MinP { get; init => field = OptionRange.Check(value, 0, 1); }

    /// <summary>
    /// Divides the logit, or multiplies it where negative, of every token that is in the prompt or in the response so far; 0.01 to 100.
    /// Neutral: 1.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? RepetitionPenalty { get; init => field = OptionRange.Check(value, 0.01f, 100); }

    /// <summary>Subtracted from a token's logit for every time it is in the response so far; -2 to 2. Neutral: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? FrequencyPenalty { get; init => field = OptionRange.Check(value, -2, 2); }

    /// <summary>Subtracted once from the logit of every token that is in the response so far; -2 to 2. Neutral: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public float? PresencePenalty { get; init => field = OptionRange.Check(value, -2, 2); }

    /// <summary>
    /// Fixes the random numbers: the same seed, prompt, options, model and device give the same response. Null: they differ every time.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>
    /// Texts that end the answer. It ends before the one that is complete first, and of those complete at the same character before the
    /// longest; that text is not part of the answer. They are compared character by character (ordinally), wherever tokens begin and
    /// end, and not looked for in the reasoning. Null: none.
    /// </summary>
    /// <exception cref="ArgumentException">One of them is null or empty.</exception>
    public IReadOnlyList<string>? StopSequences
    {
        get;
        init => field = value is null || !value.Any(string.IsNullOrEmpty)
            ? value?.ToArray()
            : throw new ArgumentException("A stop sequence must have at least one character.", nameof(StopSequences));
    }

    /// <summary>What the answer looks like. Null: as the model likes.</summary>
    public ResponseFormat? ResponseFormat { get; init; }

    /// <summary>Functions the model may ask to be called. Null: none.</summary>
    /// <exception cref="ArgumentException">One of them is null, or two have the same name.</exception>
    public IReadOnlyList<ToolDefinition>? Tools { get; init => field = Distinct(value); }

    /// <summary>
    /// Whether it calls one of <see cref="Tools"/>. Neutral: <see cref="DeepSeekEngine.ToolChoice.Auto"/>. A function that must be called
    /// is one of them; where one must be there is one.
    /// </summary>
    public ToolChoice? ToolChoice { get; init; }

    /// <summary>Whether a response may have more than one call. Default: true.</summary>
    public bool ParallelToolCalls { get; init; } = true;

    private static ToolDefinition[]? Distinct(IReadOnlyList<ToolDefinition>? tools)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in tools ?? [])
        {
            ArgumentNullException.ThrowIfNull(tool, nameof(Tools));
            if (!names.Add(tool.Name))
            {
                throw new ArgumentException($"Two tools are called '{tool.Name}'.", nameof(Tools));
            }
        }

        return tools?.ToArray();
    }
}
