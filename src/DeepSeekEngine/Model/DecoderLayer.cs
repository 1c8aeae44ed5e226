using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>x += Attention(RMSNorm(x)); x += FeedForward(RMSNorm(x)).</summary>
internal sealed class DecoderLayer
{
    private readonly float _epsilon;
    private readonly DeviceArray<float> _inputNorm;
    private readonly MlaAttention _attention;
    private readonly DeviceArray<float> _postAttentionNorm;
    private readonly FeedForward _feedForward;

    public DecoderLayer(WeightLoader weights, ModelConfig config, int layer)
    {
        var prefix = $"model.layers.{layer}.";
        _epsilon = config.RmsNormEpsilon;
        _inputNorm = weights.Vector($"{prefix}input_layernorm.weight", config.HiddenSize);
        _attention = new MlaAttention(weights, config, $"{prefix}self_attn.");
        _postAttentionNorm = weights.Vector($"{prefix}post_attention_layernorm.weight", config.HiddenSize);
        _feedForward = config.IsMoe(layer)
            ? new MixtureOfExperts(weights, config, config.Router!.Value, $"{prefix}mlp.")
            : new SwiGluMlp(weights, $"{prefix}mlp.", config.HiddenSize, config.IntermediateSize);
    }

    public void Forward(in Step step, Activations cache)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        b.RmsNorm(w.X, _inputNorm, _epsilon, w.Normed, n);
        _attention.Forward(step, cache);
        b.RmsNorm(w.X, _postAttentionNorm, _epsilon, w.Normed, n);
        _feedForward.Forward(step);
    }
}
