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
    private readonly TransformerParts _parts;

    /// <param name="backend">What it is computed by; the weights are loaded for it.</param>
    /// <param name="weights">Owned from here on, together with what it loaded.</param>
    /// <param name="limits">The largest step that will be asked for.</param>
    public Transformer(IBackend backend, CheckpointLoader weights, ModelConfig config, in StepLimits limits)
    {
        Config = config;
        Limits = limits;
        _weights = weights;
        _backend = backend;
        try
        {
            _parts = new TransformerParts(weights, config, limits);
            _parts.Rope.Upload(RotaryFrequencies.Of(config).Table(limits.ContextLength));
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public ModelConfig Config { get; }

    public StepLimits Limits { get; }

    public LatentCache Cache => _parts.Cache;

    public Workspace Workspace => _parts.Workspace;

    /// <summary>Multi-token-prediction modules the checkpoint holds.</summary>
    public int MtpModules => _parts.Mtp.Length;

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
        var (b, w, n) = (_backend, Workspace, batch.Count);
        b.Embed(_parts.Tables.Tokens, _parts.Embedding, w.X, n);
        LayerDone?.Invoke(-1);
        for (var i = 0; i < _parts.Layers.Length; i++)
        {
            _parts.Layers[i].Forward(step, Cache.Layer(i));
            LayerDone?.Invoke(i);
        }

        b.RmsNorm(w.X, _parts.FinalNorm, Config.RmsNormEpsilon, w.Final, n);
        b.GatherRows(w.Final, _parts.Tables.Outputs, w.OutputHidden, batch.OutputCount);
        b.Linear(w.OutputHidden, _parts.Head, w.Logits, batch.OutputCount);
    }

    /// <summary>
    /// Runs a multi-token-prediction module after <see cref="Forward"/> on the same rows and positions, with each row's token
    /// replaced by the one that follows it, and leaves its draft logits in <see cref="Workspace.Logits"/>.
    /// </summary>
    public void Draft(Batch next, int module = 0)
    {
        var step = Begin(next);
        var head = _parts.Mtp[module];
        head.Forward(step, _parts.Tables.Tokens, _parts.Tables.Outputs, Cache.Layer(head.LayerIndex));
        LayerDone?.Invoke(head.LayerIndex);
    }

    /// <summary>Waits for the step and copies the logits of an output to the host.</summary>
    public void Logits(int output, Span<float> logits)
        => Workspace.Logits.Array.Download(logits[..Config.VocabSize], (long)output * Config.VocabSize);

    public void Dispose() => _weights.Dispose();

    private Step Begin(Batch batch)
    {
        if (batch.Count == 0 || batch.Count > Limits.Tokens
            || batch.Sequences.Length > Limits.Sequences || batch.OutputCount > Limits.Outputs)
        {
            throw new ArgumentException($"A step of {batch.Count} tokens is outside the limits {Limits}.", nameof(batch));
        }

        return new Step(_backend, Workspace, batch, _parts.Tables.Upload(batch), _parts.Rope, AttentionForm);
    }
}
