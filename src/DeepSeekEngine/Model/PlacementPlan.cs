using DeepSeekEngine.Backends;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>Where a model's parts are to be and what they take there, known before anything is allocated.</summary>
internal sealed record PlacementPlan
{
    /// <summary>The part of free memory a format may take that nobody asked for by name: other programs grow, and so does this one.</summary>
    private const double Usable = 0.9;

    private readonly bool _onProcessor;
    private readonly IReadOnlyList<long> _available;
    private readonly PlacedMemory _memory;
    private readonly bool _fitsWithoutExperts;

    private PlacementPlan(
        Checkpoint checkpoint, ModelConfig config, in StepLimits limits, EngineOptions options, IReadOnlyList<long> available,
        bool onProcessor)
    {
        if (available.Count > config.Layers)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), available.Count,
                $"{nameof(EngineOptions.DeviceCount)} is more than the {config.Layers} layers of the model.");
        }

        Weights = options.Weights;
        var (policy, step) = (QuantizationPolicy.For(options.Weights), limits);
        (_onProcessor, _available) = (onProcessor, available);
        var canSplit = !onProcessor && config.Router is not null;
        (Placement, _memory) = Place(canSplit && options.Experts is ExpertPlacement.Host);
        if (canSplit && options.Experts is not ExpertPlacement.Host && !Fits(_memory))
        {
            var (placement, memory) = Place(expertsOnHost: true);
            _fitsWithoutExperts = Fits(memory);
            if (_fitsWithoutExperts && options.Experts is ExpertPlacement.Auto)
            {
                (Placement, _memory) = (placement, memory);
            }
        }

        (Placement Placement, PlacedMemory Memory) Place(bool expertsOnHost)
        {
            var placement = Placement.OneDevice with { ExpertsOnHost = expertsOnHost };
            if (available.Count > 1)
            {
                var single = Measure(new Placement([.. Enumerable.Range(0, config.Layers)], expertsOnHost));
                long[] layers = [.. single.Devices.Select(layer => layer.Weights + layer.Cache)];
                placement = Placement.Divide(layers, [.. available], expertsOnHost);
            }

            return (placement, Measure(placement));
        }

        PlacedMemory Measure(Placement placement) => MemoryMeter.Measure(
            checkpoint, policy, config, step, placement, onProcessor, BackendFactory.CacheOf(options, onProcessor),
            options.Threads ?? Environment.ProcessorCount);
    }

    /// <param name="options">What they leave open, where the routed experts go and in which format weights are, is decided.</param>
    /// <param name="available">Bytes each device has for the model; one device a run of layers.</param>
    /// <param name="onProcessor">Whether the only device is the processor, which reads weights where they are mapped.</param>
    /// <param name="freeOnHost">Bytes of the host's memory by which a format is chosen; null for what is free now.</param>
    /// <exception cref="ModelFormatException">The checkpoint is not what config.json says.</exception>
    /// <exception cref="UnsupportedModelException">The checkpoint is packed to another format than the one asked for.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are more devices than layers.</exception>
    public static PlacementPlan For(
        Checkpoint checkpoint, ModelConfig config, in StepLimits limits, EngineOptions options, IReadOnlyList<long> available,
        bool onProcessor, long? freeOnHost = null)
    {
        if (options.Weights is not WeightFormat.Auto)
        {
            _ = checkpoint.FormatFor(options.Weights);
            return new PlacementPlan(checkpoint, config, limits, options, available, onProcessor);
        }

        var free = freeOnHost ?? HostMemory.FreeBytes;
        var plans = new List<PlacementPlan>();
        foreach (var format in QuantizationPolicy.Formats)
        {
            plans.Add(new PlacementPlan(checkpoint, config, limits, options with { Weights = format }, available, onProcessor));
            if (checkpoint.PackedFormat is not WeightFormat.AsStored || plans[^1].FitsFree(free))
            {
                return plans[^1];
            }
        }

        // What is quantised must fit, what is stored need not. A GPU says of the smallest what it lacks.
        return onProcessor ? plans[0] : plans[^1];
    }

    /// <summary>What the large matrices are quantised to while they are loaded; never <see cref="WeightFormat.Auto"/>.</summary>
    public WeightFormat Weights { get; }

    public Placement Placement { get; }

    /// <summary>What it takes altogether.</summary>
    public MemoryEstimate Total
    {
        get
        {
            List<MemoryEstimate> all = [.. _memory.Devices, .. _memory.Host is { } host ? [host] : Array.Empty<MemoryEstimate>()];
            return new MemoryEstimate
            {
                Weights = all.Sum(part => part.Weights),
                MappedWeights = _onProcessor ? _memory.Devices[0].MappedWeights : _memory.Host?.MappedWeights ?? 0,
                Cache = all.Sum(part => part.Cache),
                Workspaces = all.Sum(part => part.Workspaces),
                OnDevices = _onProcessor ? 0 : _memory.Devices.Sum(part => part.Total),
            };
        }
    }

    /// <summary>
    /// Whether the host has less memory than what is mapped and all else together, so that the system has to drop some of the weights and
    /// read them again.
    /// </summary>
    public bool IsPaged => Host is { } host && host.Total > HostMemory.Bytes;

    private MemoryEstimate? Host => _onProcessor ? _memory.Devices[0] : _memory.Host;

    /// <summary>What is not in files must fit; what is mapped may be larger than memory.</summary>
    /// <param name="names">The devices as a person would name them.</param>
    /// <exception cref="NotEnoughMemoryException">A device or the host has too little memory.</exception>
    public void Check(IReadOnlyList<string> names)
    {
        if (Host is { } host)
        {
            CheckHost(host);
        }

        for (var i = 0; i < _available.Count && !_onProcessor; i++)
        {
            var part = _memory.Devices[i];
            if (part.Total > _available[i])
            {
                var layers = Placement.Devices > 1 ? $" for layers from {Placement.FirstLayers[i]} on" : "";
                throw new NotEnoughMemoryException(
                    part.Total, _available[i],
                    $"On {names[i]}{layers}, weights are {part.Weights:N0}, the cache {part.Cache:N0}, workspaces {part.Workspaces:N0}. "
                    + (_fitsWithoutExperts
                        ? $"It fits with {nameof(EngineOptions.Experts)} = {nameof(ExpertPlacement)}.{nameof(ExpertPlacement.Host)}."
                        : $"Divide the layers among more devices with {nameof(EngineOptions.DeviceCount)}, or lower "
                          + $"{nameof(EngineOptions.ContextLength)}, {nameof(EngineOptions.CacheTokens)} or "
                          + $"{nameof(EngineOptions.PrefillChunk)}."));
            }
        }
    }

    private static void CheckHost(MemoryEstimate host)
    {
        var required = host.Total - host.MappedWeights;
        var available = HostMemory.Bytes;
        if (required > available)
        {
            var quantized = host.Weights - host.MappedWeights;
            throw new NotEnoughMemoryException(
                required, available,
                $"Of that, quantised weights are {quantized:N0}, the cache {host.Cache:N0}, workspaces {host.Workspaces:N0}. "
                + (quantized > host.Cache + host.Workspaces
                    ? "Pack the checkpoint with 'deepseek pack' and load that: its weights stay in their files."
                    : $"Lower {nameof(EngineOptions.ContextLength)}, {nameof(EngineOptions.MaxConcurrentRequests)} "
                      + $"or {nameof(EngineOptions.PrefillChunk)}."));
        }
    }

    /// <summary>Whether devices hold their parts and the host its own without reading any of it from the disk again.</summary>
    private bool FitsFree(long freeOnHost)
        => (_onProcessor || Fits(_memory)) && (Host is not { } host || host.Total <= Usable * freeOnHost);

    private bool Fits(PlacedMemory memory)
    {
        for (var i = 0; i < _available.Count; i++)
        {
            if (memory.Devices[i].Total > _available[i])
            {
                return false;
            }
        }

        return true;
    }
}
