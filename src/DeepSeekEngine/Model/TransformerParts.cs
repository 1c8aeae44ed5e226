using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Model;

/// <summary>What a transformer is made of, all owned by the loaders it came from.</summary>
internal sealed class TransformerParts
{
    public TransformerParts(PlacedWeights weights, ModelConfig config, StepLimits limits)
    {
        Placement = weights.Placement;
        Embedding = LoadEmbedding(weights.First);
        Layers = new DecoderLayer[config.Layers];
        for (var i = 0; i < Layers.Length; i++)
        {
            Layers[i] = new DecoderLayer(weights.Of(i), config, i);
        }

        var last = weights.Last;
        var lastEmbedding = new Lazy<Matrix>(() => last == weights.First ? Embedding : LoadEmbedding(last));
        FinalNorm = last.Vector("model.norm.weight", config.HiddenSize);
        Head = config.TiedEmbeddings
            ? lastEmbedding.Value
            : last.Matrix("lm_head.weight", config.VocabSize, config.HiddenSize);
        Mtp = [.. Enumerable.Range(0, config.MtpLayers)
            .Where(module => MtpHead.IsIn(last, config, module))
            .Select(module => new MtpHead(last, config, module, lastEmbedding, Head))];

        // Only now is every size the configuration states known to be that of real tensors, so nothing is allocated on its word.
        Stages = [.. weights.Devices.Select(device => new Stage(device, config, limits, Placement.ExpertsOnHost))];
        HostExperts = weights.Host is { } host ? host.Own(new HostExperts(host.Memory, config, limits.Tokens)) : null;
        Cache = last.Own(new KeyValueCache(
            [.. Enumerable.Range(0, config.Layers + config.MtpLayers).Select(layer => weights.Of(layer).Memory)],
            config.Attention.Cached, limits.CacheTokens));

        Matrix LoadEmbedding(WeightLoader loader)
            => loader.Matrix("model.embed_tokens.weight", config.VocabSize, config.HiddenSize);
    }

    public Placement Placement { get; }

    public Matrix Embedding { get; }

    public DecoderLayer[] Layers { get; }

    public DeviceArray<float> FinalNorm { get; }

    public Matrix Head { get; }

    /// <summary>The multi-token-prediction modules the checkpoint holds.</summary>
    public MtpHead[] Mtp { get; }

    /// <summary>What a step needs on each device.</summary>
    public Stage[] Stages { get; }

    /// <summary>What a step needs on the host, if it computes the routed experts.</summary>
    public HostExperts? HostExperts { get; }

    public KeyValueCache Cache { get; }
}
