namespace DeepSeekEngine;

/// <summary>What was loaded and where it runs.</summary>
/// <param name="Directory">The checkpoint directory, as a full path.</param>
/// <param name="Architecture">The architecture config.json names, such as <c>DeepseekV3ForCausalLM</c>.</param>
/// <param name="Device">The device, as its driver names it.</param>
/// <param name="Layers">Decoder layers, without multi-token-prediction modules.</param>
/// <param name="MtpModules">Multi-token-prediction modules the checkpoint holds.</param>
/// <param name="VocabularySize">Tokens the model has logits for.</param>
/// <param name="ContextLength">Tokens a conversation may have, prompt and response together.</param>
/// <param name="WeightBytes">Bytes of the weight files.</param>
public sealed record ModelInfo(
    string Directory, string Architecture, string Device, int Layers, int MtpModules, int VocabularySize, int ContextLength,
    long WeightBytes)
{
    /// <summary>
    /// The format the large matrices are computed from, never <see cref="WeightFormat.Auto"/>: that of a packed checkpoint is what it was packed
    /// to.
    /// </summary>
    public WeightFormat Weights { get; init; }

    /// <summary>What the key-value cache is kept as, never <see cref="KvCachePrecision.Auto"/>.</summary>
    public KvCachePrecision KvCache { get; init; }

    /// <summary>What telemetry calls the model: the name of its directory.</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Directory));
}
