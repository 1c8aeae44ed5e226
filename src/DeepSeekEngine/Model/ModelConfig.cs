using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>Which family's conventions a checkpoint follows.</summary>
internal enum Architecture
{
    /// <summary><c>DeepseekV2ForCausalLM</c>: V2, V2-Lite, V2.5.</summary>
    DeepSeekV2,

    /// <summary><c>DeepseekV3ForCausalLM</c>: V3, R1, Moonlight, Kimi-K2.</summary>
    DeepSeekV3,

    /// <summary><c>Qwen2ForCausalLM</c>: R1-Distill-Qwen-1.5B to 32B.</summary>
    Qwen2,

    /// <summary><c>LlamaForCausalLM</c>: R1-Distill-Llama-8B and 70B.</summary>
    Llama,

    /// <summary><c>Qwen3ForCausalLM</c>: R1-0528-Qwen3-8B.</summary>
    Qwen3,
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

/// <summary>A change of the rotary frequencies that makes the context so many times as long.</summary>
internal abstract record RopeScaling(double Factor, int OriginalMaxPositions);

/// <summary>YaRN's static change of the rotary frequencies.</summary>
internal sealed record YarnScaling(
    double Factor, int OriginalMaxPositions, double BetaFast, double BetaSlow, double Mscale, double MscaleAllDim)
    : RopeScaling(Factor, OriginalMaxPositions)
{
    /// <summary>What cosines and sines are multiplied with, where it is not what follows from the two mscales.</summary>
    public double? AttentionFactor { get; init; }
}

/// <summary>
/// Llama 3.1's: wavelengths up to OriginalMaxPositions / HighFrequency stay, those from OriginalMaxPositions / LowFrequency on are stretched.
/// </summary>
internal sealed record Llama3Scaling(double Factor, int OriginalMaxPositions, double LowFrequency, double HighFrequency)
    : RopeScaling(Factor, OriginalMaxPositions);

/// <summary>How a model attends.</summary>
internal abstract record AttentionConfig
{
    /// <summary>Attention to the cache's rows where they lie; its row is what the cache holds a token and layer.</summary>
    public abstract AttentionShape Cached { get; }

    /// <summary>Attention to tiles of keys and values.</summary>
    public abstract AttentionShape Expanded { get; }

    /// <summary>Values of a head that are rotated.</summary>
    public abstract int RopeWidth { get; }

    /// <summary>Whether the rotated pairs are (i, i + RopeWidth / 2) and not (2i, 2i + 1).</summary>
    public abstract bool RotatesHalves { get; }
}

/// <summary>Multi-head latent attention.</summary>
/// <param name="QLoraRank">The rank queries are compressed to; null where q_proj is a single matrix.</param>
internal sealed record MlaConfig(MlaShape Shape, int? QLoraRank) : AttentionConfig
{
    public override AttentionShape Cached => Shape.Absorbed;

    public override AttentionShape Expanded => Shape.Expanded;

    public override int RopeWidth => Shape.Rope;

    public override bool RotatesHalves => false;
}

/// <summary>Grouped-query attention (Ainslie et al. 2023), keys and values of a head equally wide.</summary>
/// <param name="HasBias">Whether the projections of queries, keys and values add a bias (Qwen2).</param>
/// <param name="HasHeadNorm">Whether the heads of queries and keys are normalised before they are rotated (Qwen3).</param>
internal sealed record GroupedQueryConfig(int Heads, int KeyValueHeads, int HeadWidth, bool HasBias, bool HasHeadNorm) : AttentionConfig
{
    public override AttentionShape Cached => new()
    {
        Heads = Heads,
        KeyValueHeads = KeyValueHeads,
        Key = HeadWidth,
        Value = HeadWidth,
        ValueOffset = HeadWidth,
        Scale = (float)RotaryFrequencies.SoftmaxScale(HeadWidth, null),
    };

    public override AttentionShape Expanded => Cached;

    public override int RopeWidth => HeadWidth;

    public override bool RotatesHalves => true;
}

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

    public required AttentionConfig Attention { get; init; }

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

    public required RopeScaling? RopeScaling { get; init; }

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
