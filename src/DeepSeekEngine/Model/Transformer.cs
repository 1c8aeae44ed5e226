using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// The forward pass of the DeepSeek-V2, V3 and R1 models, and of those R1 was distilled into, over ragged batches. One step runs at a time; nothing in it waits for
/// the device.
/// </summary>
internal sealed class Transformer : IDisposable
{
    private readonly IReadOnlyList<IBackend> _devices;
    private readonly IBackend? _host;
    private readonly PlacedWeights _weights;
    private readonly TransformerParts _parts;
    private readonly Action _runDevice;
    private Step _step;
    private int _device;

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
        _runDevice = RunDevice;
        try
        {
            _parts = new TransformerParts(weights, config, limits);
            var rope = RotaryFrequencies.Of(config).Table(limits.ContextLength, config.Attention.RotatesHalves);
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

    public KeyValueCache Cache => _parts.Cache;

    /// <summary>The activations of the last device, which has the results.</summary>
    public Workspace Workspace => _parts.Stages[^1].Workspace;

    /// <summary>Multi-token-prediction modules the checkpoint holds.</summary>
    public int MtpModules => _parts.Mtp.Length;

    /// <summary>Tokens of a sequence that some device rounds together (<see cref="IBackend.RoundedTokens"/>).</summary>
    public int RoundedTokens => _devices.Min(device => device.RoundedTokens);

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
        var comesAgain = _host is null && LayerDone is null && IsDecoding(batch);
        for (_device = 0; _device < _devices.Count; _device++)
        {
            _step = Begin(_device, batch);
            if (_device > 0)
            {
                var residual = _parts.Stages[_device - 1].Workspace.X.Array;
                residual.CopyTo(_step.Workspace.X.Array, batch.Count * Config.HiddenSize);
            }

            if (comesAgain)
            {
                var bound = StepKey.Bound(_step.Tokens.MaxContext, Limits.ContextLength);
                _step = _step with { Tokens = _step.Tokens with { MaxContext = bound } };
                _step.Backend.Repeat(new StepKey(this, batch.Count, batch.OutputCount, bound, (int)AttentionForm), _runDevice);
            }
            else
            {
                RunDevice();
            }
        }
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

    /// <summary>
    /// Waits for the step and copies to the host, of each of its first outputs, nothing but the most probable of the first
    /// <paramref name="vocabulary"/> tokens, as <see cref="IBackend.ArgMax"/> says it.
    /// </summary>
    public void MostProbable(Span<int> tokens, int vocabulary)
    {
        var w = Workspace;
        _devices[^1].ArgMax(w.Logits.Columns(0, vocabulary), w.Chosen, tokens.Length);
        w.Chosen.Download(tokens);
    }

    /// <summary>
    /// Waits for the step and copies to the host, of each of its first outputs, the list of the largest logits of the first
    /// <paramref name="vocabulary"/> tokens, as <see cref="TopLogit"/> describes it.
    /// </summary>
    /// <param name="inverseTemperatures">1 / T of each of these outputs.</param>
    /// <param name="lists">[outputs, <see cref="TopLogit.ListLength"/>].</param>
    /// <returns>False, with nothing done, where all logits are as easily had.</returns>
    public bool TryTopLogits(ReadOnlySpan<float> inverseTemperatures, Span<TopLogit> lists, int vocabulary)
    {
        var w = Workspace;
        w.InverseTemperatures.Upload(inverseTemperatures);
        if (!_devices[^1].TryListTop(w.Logits.Columns(0, vocabulary), w.InverseTemperatures, w.TopLogits, inverseTemperatures.Length))
        {
            return false;
        }

        w.TopLogits.Download(lists);
        return true;
    }

    /// <summary>The activations of the device a layer is on; -1 is the embedding.</summary>
    public Workspace WorkspaceOf(int layer) => _parts.Stages[_parts.Placement.DeviceOf(Math.Max(0, layer))].Workspace;

    /// <summary>Compiles what steps take, so that the first is no slower than others.</summary>
    /// <param name="progress">Told how many kernels are ready on a device and how many there are.</param>
    public void Prepare(Action<int, int>? progress)
    {
        foreach (var device in _devices)
        {
            device.Prepare(progress);
        }
    }

    public void Dispose() => _weights.Dispose();

    /// <summary>
    /// Whether every sequence has one token whose attention is absorbed. Every such step of as many sequences issues the same operations
    /// but for the bound on contexts, which is therefore rounded up.
    /// </summary>
    private static bool IsDecoding(Batch batch)
    {
        foreach (var sequence in batch.Sequences)
        {
            if (sequence.Count > 1 || sequence.Form == AttentionForm.Expanded)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The part of the current step that the current device computes, from the residual stream the one before left.</summary>
    private void RunDevice()
    {
        var (b, w, n) = (_step.Backend, _step.Workspace, _step.Count);
        if (_device == 0)
        {
            b.Embed(_parts.Stages[0].Tables.Tokens, _parts.Embedding, w.X, n);
            LayerDone?.Invoke(-1);
        }

        var (first, layers) = _parts.Placement.LayersOf(_device, _parts.Layers.Length).GetOffsetAndLength(_parts.Layers.Length);
        for (var i = first; i < first + layers; i++)
        {
            _parts.Layers[i].Forward(_step, Cache.Layer(i));
            LayerDone?.Invoke(i);
        }

        if (_device == _devices.Count - 1)
        {
            b.RmsNorm(w.X, _parts.FinalNorm, Config.RmsNormEpsilon, w.Final, n);
            b.GatherRows(w.Final, _parts.Stages[_device].Tables.Outputs, w.OutputHidden, _step.Batch.OutputCount);
            b.Linear(w.OutputHidden, _parts.Head, w.Logits, _step.Batch.OutputCount);
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
        _devices[device].BeginStep(batch.MayRound);
        return new Step(_devices[device], stage.Workspace, batch, stage.Tables.Upload(batch), stage.Rope, AttentionForm)
        {
            Host = _host,
            HostExperts = _parts.HostExperts,
        };
    }
}
