using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Model;

/// <summary>
/// The forward pass of the DeepSeek-V2, V3 and R1 models over ragged batches. One step runs at a time; nothing in it waits for
/// the device.
/// </summary>
internal sealed class Transformer : IDisposable
{
    private readonly IBackend _backend;
    private readonly WeightLoader _weights;
    private readonly Workspace _workspace;
    private readonly StepTables _tables;
    private readonly DeviceArray<float> _rope;
    private readonly Matrix _embedding;
    private readonly DecoderLayer[] _layers;
    private readonly DeviceArray<float> _finalNorm;
    private readonly Matrix _head;
    private readonly MtpHead[] _mtp;

    /// <param name="weights">Owned from here on, together with what it loaded.</param>
    /// <param name="limits">The largest step that will be asked for.</param>
    public Transformer(WeightLoader weights, ModelConfig config, in StepLimits limits)
    {
        Config = config;
        Limits = limits;
        _weights = weights;
        _backend = weights.Backend;
        try
        {
            _embedding = weights.Matrix("model.embed_tokens.weight", config.VocabSize, config.HiddenSize);
            _layers = new DecoderLayer[config.Layers];
            for (var i = 0; i < _layers.Length; i++)
            {
                _layers[i] = new DecoderLayer(weights, config, i);
            }

            _finalNorm = weights.Vector("model.norm.weight", config.HiddenSize);
            _head = config.TiedEmbeddings
                ? _embedding
                : weights.Matrix("lm_head.weight", config.VocabSize, config.HiddenSize);
            _mtp = [.. Enumerable.Range(0, config.MtpLayers)
                .Where(module => MtpHead.IsIn(weights, config, module))
                .Select(module => new MtpHead(weights, config, module, _embedding, _head))];

            // Only now is every size the configuration states known to be that of real tensors, so nothing is allocated on its word.
            _workspace = weights.Own(new Workspace(_backend, config, limits.Tokens, limits.Outputs));
            _tables = weights.Own(new StepTables(_backend, limits.Tokens, limits.Sequences, limits.Outputs, limits.ContextLength));
            Cache = weights.Own(new LatentCache(_backend, config.Attention, config.Layers + config.MtpLayers, limits.CacheTokens));
            var rope = RotaryFrequencies.Of(config).Table(limits.ContextLength);
            _rope = weights.Own(_backend.Allocate<float>(rope.Length));
            _rope.Upload(rope);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public ModelConfig Config { get; }

    public StepLimits Limits { get; }

    public LatentCache Cache { get; }

    public Workspace Workspace => _workspace;

    /// <summary>Multi-token-prediction modules the checkpoint holds.</summary>
    public int MtpModules => _mtp.Length;

    /// <summary>Which form attention takes; results are equal up to rounding.</summary>
    public AttentionForm AttentionForm { get; set; }

    /// <summary>Called before the first layer with -1 and after each layer with its index, for those who look inside.</summary>
    public Action<int>? LayerDone { get; set; }

    /// <summary>
    /// Runs the model on a step: appends its tokens to the cache and leaves the logits of its output rows, in their order, in
    /// <see cref="Workspace.Logits"/>.
    /// </summary>
    public void Forward(Batch batch)
    {
        var step = Begin(batch);
        var (b, w, n) = (_backend, _workspace, batch.Count);
        b.Embed(_tables.Tokens, _embedding, w.X, n);
        LayerDone?.Invoke(-1);
        for (var i = 0; i < _layers.Length; i++)
        {
            _layers[i].Forward(step, Cache.Layer(i));
            LayerDone?.Invoke(i);
        }

        b.RmsNorm(w.X, _finalNorm, Config.RmsNormEpsilon, w.Final, n);
        b.GatherRows(w.Final, _tables.Outputs, w.OutputHidden, batch.OutputCount);
        b.Linear(w.OutputHidden, _head, w.Logits, batch.OutputCount);
    }

    /// <summary>
    /// Runs a multi-token-prediction module after <see cref="Forward"/> on the same rows and positions, with each row's token
    /// replaced by the one that follows it, and leaves its draft logits in <see cref="Workspace.Logits"/>.
    /// </summary>
    public void Draft(Batch next, int module = 0)
    {
        var step = Begin(next);
        var head = _mtp[module];
        head.Forward(step, _tables.Tokens, _tables.Outputs, Cache.Layer(head.LayerIndex));
        LayerDone?.Invoke(head.LayerIndex);
    }

    /// <summary>Waits for the step and copies the logits of an output to the host.</summary>
    public void Logits(int output, Span<float> logits)
        => _workspace.Logits.Array.Download(logits[..Config.VocabSize], (long)output * Config.VocabSize);

    public void Dispose() => _weights.Dispose();

    private Step Begin(Batch batch)
    {
        if (batch.Count == 0 || batch.Count > Limits.Tokens
            || batch.Sequences.Length > Limits.Sequences || batch.OutputCount > Limits.Outputs)
        {
            throw new ArgumentException($"A step of {batch.Count} tokens is outside the limits {Limits}.", nameof(batch));
        }

        return new Step(_backend, _workspace, batch, _tables.Upload(batch), _rope, AttentionForm);
    }
}

/// <summary>The largest step a transformer is built for.</summary>
/// <param name="Tokens">Tokens of all sequences in a step.</param>
/// <param name="Sequences">Sequences in a step.</param>
/// <param name="Outputs">Rows of a step whose logits are wanted.</param>
/// <param name="ContextLength">Positions a sequence may have.</param>
/// <param name="CacheTokens">Positions the cache holds for all sequences together.</param>
internal readonly record struct StepLimits(int Tokens, int Sequences, int Outputs, int ContextLength, int CacheTokens);
