namespace DeepSeekEngine.Extensions.AI;

/// <summary>
/// Which model the application runs and how; to be bound from configuration. Properties that <see cref="EngineOptions"/> has too mean
/// the same and have the same ranges; what is left null takes the default it has there.
/// </summary>
public sealed class DeepSeekEngineOptions
{
    /// <summary>The checkpoint directory. Required.</summary>
    public string Directory { get; set; } = "";

    /// <summary>What the chat client calls the model. Null (default): the directory's name.</summary>
    public string? ModelId { get; set; }

    /// <inheritdoc cref="EngineOptions.Device"/>
    public Device Device { get; set; }

    /// <inheritdoc cref="EngineOptions.DeviceIndex"/>
    public int DeviceIndex { get; set; }

    /// <inheritdoc cref="EngineOptions.DeviceCount"/>
    public int? DeviceCount { get; set; }

    /// <inheritdoc cref="EngineOptions.DeviceMemoryLimit"/>
    public long? DeviceMemoryLimit { get; set; }

    /// <inheritdoc cref="EngineOptions.Experts"/>
    public ExpertPlacement Experts { get; set; }

    /// <inheritdoc cref="EngineOptions.Weights"/>
    public WeightFormat? Weights { get; set; }

    /// <inheritdoc cref="EngineOptions.KvCache"/>
    public KvCachePrecision KvCache { get; set; }

    /// <inheritdoc cref="EngineOptions.ContextLength"/>
    public int? ContextLength { get; set; }

    /// <inheritdoc cref="EngineOptions.Threads"/>
    public int? Threads { get; set; }

    /// <inheritdoc cref="EngineOptions.MaxConcurrentRequests"/>
    public int? MaxConcurrentRequests { get; set; }

    /// <inheritdoc cref="EngineOptions.MaxQueuedRequests"/>
    public int? MaxQueuedRequests { get; set; }

    /// <inheritdoc cref="EngineOptions.CacheTokens"/>
    public int? CacheTokens { get; set; }

    /// <inheritdoc cref="EngineOptions.SpeculativeDecoding"/>
    public bool? SpeculativeDecoding { get; set; }

    /// <inheritdoc cref="EngineOptions.PrefillChunk"/>
    public int? PrefillChunk { get; set; }

    /// <summary>What the chat client calls the model.</summary>
    internal string ResolvedModelId
        => ModelId ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Directory)));

    /// <exception cref="ArgumentOutOfRangeException">A property is out of its range.</exception>
    internal EngineOptions ToEngineOptions()
    {
        var defaults = new EngineOptions();
        return defaults with
        {
            Device = Device,
            DeviceIndex = DeviceIndex,
            DeviceCount = DeviceCount ?? defaults.DeviceCount,
            DeviceMemoryLimit = DeviceMemoryLimit,
            Experts = Experts,
            Weights = Weights ?? defaults.Weights,
            KvCache = KvCache,
            ContextLength = ContextLength,
            Threads = Threads,
            MaxConcurrentRequests = MaxConcurrentRequests ?? defaults.MaxConcurrentRequests,
            MaxQueuedRequests = MaxQueuedRequests ?? defaults.MaxQueuedRequests,
            CacheTokens = CacheTokens,
            SpeculativeDecoding = SpeculativeDecoding,
            PrefillChunk = PrefillChunk ?? defaults.PrefillChunk,
        };
    }
}
