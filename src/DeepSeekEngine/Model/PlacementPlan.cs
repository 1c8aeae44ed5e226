using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>Where a model's parts are to be and what they take there, known before anything is allocated.</summary>
internal sealed record PlacementPlan
{
    private readonly bool _onProcessor;
    private readonly IReadOnlyList<long> _available;
    private readonly PlacedMemory _memory;
    private readonly bool _fitsWithoutExperts;

    /// <param name="options">Whether the routed experts go to the host is theirs to say, or to leave open.</param>
    /// <param name="available">Bytes each device has for the model; one device a run of layers.</param>
    /// <param name="onProcessor">Whether the only device is the processor, which reads weights where they are mapped.</param>
    /// <exception cref="ModelFormatException">The checkpoint is not what config.json says.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are more devices than layers.</exception>
    public PlacementPlan(
        Checkpoint checkpoint, ModelConfig config, in StepLimits limits, EngineOptions options, IReadOnlyList<long> available,
        bool onProcessor)
    {
        if (available.Count > config.Layers)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), available.Count,
                $"{nameof(EngineOptions.DeviceCount)} is more than the {config.Layers} layers of the model.");
        }

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
            checkpoint, policy, config, step, placement, onProcessor, options.Threads ?? Environment.ProcessorCount);
    }

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
    public bool IsPaged => Host is { } host && host.Total > HostMemory;

    private MemoryEstimate? Host => _onProcessor ? _memory.Devices[0] : _memory.Host;

    /// <summary>Bytes, those a container's limit leaves.</summary>
    private static long HostMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

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
        var available = HostMemory;
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
