using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// The forward pass of the DeepSeek-V2, V3 and R1 models over ragged batches. One step runs at a time; nothing in it waits for
/// the device.
/// </summary>
internal sealed class Transformer : IDisposable
{
    private readonly IReadOnlyList<IBackend> _devices;
    private readonly IBackend? _host;
    private readonly PlacedWeights _weights;
    private readonly TransformerParts _parts;

    /// <param name="devices">What it is computed by; the weights are loaded for them, in this order.</param>
    /// <param name="host">What computes the routed experts if the devices do not.</param>
    /// <param name="weights">Owned from here on, together with what they loaded.</param>
    /// <param name="limits">The largest step that will be asked for.</param>
    public Transformer(
        IReadOnlyList<IBackend> devices, IBackend? host, PlacedWeights weights, ModelConfig config, in StepLimits limits)
    {
        Config = config;
        Limits = limits;
        (_devices, _host, _weights) = (devices, host, weights);
        try
        {
            _parts = new TransformerParts(weights, config, limits);
            var rope = RotaryFrequencies.Of(config).Table(limits.ContextLength);
            foreach (var stage in _parts.Stages)
            {
                stage.Rope.Upload(rope);
            }
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>A model all on one device.</summary>
    public Transformer(
        IBackend device, IWeightSource source, QuantizationPolicy policy, ModelConfig config, in StepLimits limits, int threads = 1)
        : this([device], null, PlacedWeights.Load(Placement.OneDevice, [device], null, source, policy, threads), config, limits)
    {
    }

    public ModelConfig Config { get; }

    public StepLimits Limits { get; }

    public LatentCache Cache => _parts.Cache;

    /// <summary>The activations of the last device, which has the results.</summary>
    public Workspace Workspace => _parts.Stages[^1].Workspace;

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
        for (var device = 0; device < _devices.Count; device++)
        {
            RunLayers(device, batch);
        }

        var (b, w) = (_devices[^1], Workspace);
        b.RmsNorm(w.X, _parts.FinalNorm, Config.RmsNormEpsilon, w.Final, batch.Count);
        b.GatherRows(w.Final, _parts.Stages[^1].Tables.Outputs, w.OutputHidden, batch.OutputCount);
        b.Linear(w.OutputHidden, _parts.Head, w.Logits, batch.OutputCount);
    }

    /// <summary>
    /// Runs a multi-token-prediction module after <see cref="Forward"/> on the same rows and positions, with each row's token
    /// replaced by the one that follows it, and leaves its draft logits in <see cref="Workspace.Logits"/>.
    /// </summary>
    public void Draft(Batch next, int module = 0)
    {
        var device = _devices.Count - 1;
        var step = Begin(device, next);
        var tables = _parts.Stages[device].Tables;
        var head = _parts.Mtp[module];
        head.Forward(step, tables.Tokens, tables.Outputs, Cache.Layer(head.LayerIndex));
        LayerDone?.Invoke(head.LayerIndex);
    }

    /// <summary>Waits for the step and copies the logits of an output to the host.</summary>
    public void Logits(int output, Span<float> logits)
        => Workspace.Logits.Array.Download(logits[..Config.VocabSize], (long)output * Config.VocabSize);

    /// <summary>The activations of the device a layer is on; -1 is the embedding.</summary>
    public Workspace WorkspaceOf(int layer) => _parts.Stages[_parts.Placement.DeviceOf(Math.Max(0, layer))].Workspace;

    public void Dispose() => _weights.Dispose();

    /// <summary>The part of a step that is computed by one device, from the residual stream the one before leaves.</summary>
    private void RunLayers(int device, Batch batch)
    {
        var step = Begin(device, batch);
        if (device == 0)
        {
            step.Backend.Embed(_parts.Stages[0].Tables.Tokens, _parts.Embedding, step.Workspace.X, step.Count);
            LayerDone?.Invoke(-1);
        }
        else
        {
            _parts.Stages[device - 1].Workspace.X.Array.CopyTo(step.Workspace.X.Array, step.Count * Config.HiddenSize);
        }

        var (first, layers) = _parts.Placement.LayersOf(device, _parts.Layers.Length).GetOffsetAndLength(_parts.Layers.Length);
        for (var i = first; i < first + layers; i++)
        {
            _parts.Layers[i].Forward(step, Cache.Layer(i));
            LayerDone?.Invoke(i);
        }
    }

    private Step Begin(int device, Batch batch)
    {
        if (batch.Count == 0 || batch.Count > Limits.Tokens
            || batch.Sequences.Length > Limits.Sequences || batch.OutputCount > Limits.Outputs)
        {
            throw new ArgumentException($"A step of {batch.Count} tokens is outside the limits {Limits}.", nameof(batch));
        }

        var stage = _parts.Stages[device];
        return new Step(_devices[device], stage.Workspace, batch, stage.Tables.Upload(batch), stage.Rope, AttentionForm)
        {
            Host = _host,
            HostExperts = _parts.HostExperts,
        };
    }
}
