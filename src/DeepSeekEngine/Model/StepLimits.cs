namespace DeepSeekEngine.Model;

/// <summary>The largest step a transformer is built for.</summary>
/// <param name="Tokens">Tokens of all sequences in a step.</param>
/// <param name="Sequences">Sequences in a step.</param>
/// <param name="Outputs">Rows of a step whose logits are wanted.</param>
/// <param name="ContextLength">Positions a sequence may have.</param>
/// <param name="CacheTokens">Positions the cache holds for all sequences together.</param>
internal readonly record struct StepLimits(int Tokens, int Sequences, int Outputs, int ContextLength, int CacheTokens)
{
    private const int DefaultContextLength = 8192;

    /// <summary>Full-length requests the cache holds by default; memory is only touched as it is used, except on a GPU.</summary>
    private const int FullContexts = 4;

    /// <summary>What the options ask for of a model.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A context longer than the model was made for.</exception>
    public static StepLimits For(EngineOptions options, ModelConfig config)
    {
        if (options.ContextLength > config.MaxPositions)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.ContextLength,
                $"{nameof(EngineOptions.ContextLength)} is more than the {config.MaxPositions} positions the model was made for.");
        }

        var context = options.ContextLength ?? Math.Min(config.MaxPositions, DefaultContextLength);
        var requests = options.MaxConcurrentRequests;
        var tokensOfEach = config.MtpLayers > 0 && options.SpeculativeDecoding != false ? 2 : 1;
        return new StepLimits(
            // The largest step: every running request decodes, and has a draft verified, while the chunk of one prompt is computed.
            Tokens: checked((requests * tokensOfEach) + Math.Min(options.PrefillChunk, context)),
            Sequences: requests,
            Outputs: checked(requests * tokensOfEach),
            ContextLength: context,
            CacheTokens: Math.Max(context, options.CacheTokens ?? checked(context * Math.Min(requests, FullContexts))));
    }
}
