using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>x += Attention(RMSNorm(x)); x += FeedForward(RMSNorm(x)).</summary>
internal sealed class DecoderLayer
{
    private readonly Norm _inputNorm;
    private readonly Attention _attention;
    private readonly Norm _postAttentionNorm;
    private readonly FeedForward _feedForward;

    public DecoderLayer(WeightLoader weights, ModelConfig config, int layer)
    {
        var prefix = $"model.layers.{layer}.";
        _inputNorm = Norm("input_layernorm");
        _attention = config.Attention switch
        {
            MlaConfig mla => new MlaAttention(weights, config, mla, $"{prefix}self_attn."),
            GroupedQueryConfig grouped => new GroupedQueryAttention(weights, config, grouped, $"{prefix}self_attn."),
            var unknown => throw new ArgumentException($"There is no attention of {unknown.GetType()}.", nameof(config)),
        };
        _postAttentionNorm = Norm("post_attention_layernorm");
        _feedForward = config.IsMoe(layer)
            ? new MixtureOfExperts(weights, config, config.Router!.Value, $"{prefix}mlp.")
            : new DenseFeedForward(weights, $"{prefix}mlp.", config.HiddenSize, config.IntermediateSize);

        Norm Norm(string name) => new(weights.Vector($"{prefix}{name}.weight", config.HiddenSize), config.RmsNormEpsilon);
    }

    public void Forward(in Step step, Activations cache)
    {
        _attention.Forward(step, _inputNorm, cache);
        _feedForward.Forward(step, _postAttentionNorm);
    }
}
