using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Model;

/// <summary>What a transformer is made of, all owned by the loader it came from.</summary>
internal sealed class TransformerParts
{
    public TransformerParts(WeightLoader weights, ModelConfig config, in StepLimits limits)
    {
        Embedding = weights.Matrix("model.embed_tokens.weight", config.VocabSize, config.HiddenSize);
        Layers = new DecoderLayer[config.Layers];
        for (var i = 0; i < Layers.Length; i++)
        {
            Layers[i] = new DecoderLayer(weights, config, i);
        }

        FinalNorm = weights.Vector("model.norm.weight", config.HiddenSize);
        Head = config.TiedEmbeddings
            ? Embedding
            : weights.Matrix("lm_head.weight", config.VocabSize, config.HiddenSize);
        Mtp = [.. Enumerable.Range(0, config.MtpLayers)
            .Where(module => MtpHead.IsIn(weights, config, module))
            .Select(module => new MtpHead(weights, config, module, Embedding, Head))];

        // Only now is every size the configuration states known to be that of real tensors, so nothing is allocated on its word.
        Workspace = weights.Own(new Workspace(weights.Memory, config, limits.Tokens, limits.Outputs));
        Tables = weights.Own(new StepTables(weights.Memory, limits.Tokens, limits.Sequences, limits.Outputs, limits.ContextLength));
        Cache = weights.Own(new LatentCache(weights.Memory, config.Attention, config.Layers + config.MtpLayers, limits.CacheTokens));
        Rope = weights.Own(weights.Memory.Allocate<float>((long)limits.ContextLength * config.Attention.Rope));
    }

    public Matrix Embedding { get; }

    public DecoderLayer[] Layers { get; }

    public DeviceArray<float> FinalNorm { get; }

    public Matrix Head { get; }

    /// <summary>The multi-token-prediction modules the checkpoint holds.</summary>
    public MtpHead[] Mtp { get; }

    public Workspace Workspace { get; }

    public StepTables Tables { get; }

    public LatentCache Cache { get; }

    /// <summary>The table of angles <see cref="RotaryFrequencies.Table"/> fills.</summary>
    public DeviceArray<float> Rope { get; }
}
