using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>Which family's conventions a checkpoint follows.</summary>
internal enum Architecture
{
    /// <summary><c>DeepseekV2ForCausalLM</c>: V2, V2-Lite, V2.5.</summary>
    DeepSeekV2,

    /// <summary><c>DeepseekV3ForCausalLM</c>: V3, R1, Moonlight, Kimi-K2.</summary>
    DeepSeekV3,
}

/// <summary>How experts are chosen from router scores.</summary>
internal enum RoutingMethod
{
    /// <summary>The k largest softmax scores (V2-Lite).</summary>
    Greedy,

    /// <summary>The k largest softmax scores within the groups with the largest score (V2).</summary>
    GroupLimitedGreedy,

    /// <summary>The k largest bias-corrected sigmoid scores within the groups with the largest sum of two (V3).</summary>
    NoAuxTc,
}

/// <summary>YaRN's static change of the rotary frequencies.</summary>
internal sealed record YarnScaling(
    double Factor, int OriginalMaxPositions, double BetaFast, double BetaSlow, double Mscale, double MscaleAllDim);

/// <summary>The scales of an FP8 checkpoint: one a block of rows and columns.</summary>
internal sealed record Fp8Quantization(int BlockRows, int BlockColumns);

/// <summary>What config.json says of a model, checked for plausibility. Names follow the field; see the V3 report, section 2.1.</summary>
internal sealed record ModelConfig
{
    public required Architecture Architecture { get; init; }

    public required int VocabSize { get; init; }

    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    /// <summary>Multi-token-prediction modules, stored as the layers after the last.</summary>
    public required int MtpLayers { get; init; }

    /// <summary>The rank queries are compressed to; null where q_proj is a single matrix.</summary>
    public required int? QLoraRank { get; init; }

    public required MlaShape Attention { get; init; }

    /// <summary>The intermediate width of a dense layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>The intermediate width of one expert.</summary>
    public required int MoeIntermediateSize { get; init; }

    /// <summary>Null for a model without routed experts.</summary>
    public required RouterShape? Router { get; init; }

    public required int SharedExperts { get; init; }

    /// <summary>Layers before this one are dense.</summary>
    public required int FirstMoeLayer { get; init; }

    /// <summary>From <see cref="FirstMoeLayer"/> on, layers whose index is a multiple of this are MoE.</summary>
    public required int MoeLayerFrequency { get; init; }

    public required float RmsNormEpsilon { get; init; }

    public required double RopeTheta { get; init; }

    public required YarnScaling? Yarn { get; init; }

    public required int MaxPositions { get; init; }

    public required bool TiedEmbeddings { get; init; }

    public required Fp8Quantization? Fp8 { get; init; }

    /// <summary>Tokens that end an answer: eos_token_id of config.json, replaced by generation_config.json's where there is one.</summary>
    public required IReadOnlyList<int> EosTokens { get; init; }

    /// <summary>
    /// DeepSeek's code always uses 1e-6 for q_a_layernorm and kv_a_layernorm, whatever rms_norm_eps says (differs for Moonlight).
    /// </summary>
    public const float LatentNormEpsilon = 1e-6f;

    public bool IsMoe(int layer) => Router is not null && layer >= FirstMoeLayer && layer % MoeLayerFrequency == 0;
}
