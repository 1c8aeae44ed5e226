namespace DeepSeekEngine.Runtime;

/// <summary>
/// What a <see cref="Sampler"/> needs to know, with nothing left open. Meanings are those of <see cref="GenerationOptions"/>; the
/// defaults are the neutral values, which leave the model's own distribution as it is.
/// </summary>
internal sealed record SamplingParameters
{
    public float Temperature { get; init; } = 1;

    public float TopP { get; init; } = 1;

    public int TopK { get; init; }

    public float MinP { get; init; }

    public float RepetitionPenalty { get; init; } = 1;

    public float FrequencyPenalty { get; init; }

    public float PresencePenalty { get; init; }

    public required long Seed { get; init; }

    public bool HasPenalties => RepetitionPenalty != 1 || FrequencyPenalty != 0 || PresencePenalty != 0;

    /// <summary>
    /// What the request asks for, else what the checkpoint recommends, else the neutral value. A checkpoint that recommends not to
    /// sample recommends temperature 0, which an explicit temperature overrides.
    /// </summary>
    /// <param name="options">What the request asks for.</param>
    /// <param name="doSample">The checkpoint's do_sample.</param>
    /// <param name="temperature">The checkpoint's temperature.</param>
    /// <param name="topP">The checkpoint's top_p.</param>
    /// <param name="topK">The checkpoint's top_k.</param>
    /// <param name="minP">The checkpoint's min_p.</param>
    /// <param name="repetitionPenalty">The checkpoint's repetition_penalty.</param>
    public static SamplingParameters Resolve(
        GenerationOptions options, bool? doSample = null, float? temperature = null, float? topP = null, int? topK = null,
        float? minP = null, float? repetitionPenalty = null) => new()
        {
            Temperature = options.Temperature ?? (doSample == false ? 0 : temperature ?? 1),
            TopP = options.TopP ?? topP ?? 1,
            TopK = options.TopK ?? topK ?? 0,
            MinP = options.MinP ?? minP ?? 0,
            RepetitionPenalty = options.RepetitionPenalty ?? repetitionPenalty ?? 1,
            FrequencyPenalty = options.FrequencyPenalty ?? 0,
            PresencePenalty = options.PresencePenalty ?? 0,
            Seed = options.Seed ?? Random.Shared.NextInt64(long.MinValue, long.MaxValue),
        };
}
