using Microsoft.Extensions.Logging;

namespace DeepSeekEngine;

/// <summary>How a model is loaded and run. Every property has a default that needs no thought.</summary>
public sealed record EngineOptions
{
    /// <summary>What the model is computed on. Default: <see cref="Device.Auto"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a member of <see cref="DeepSeekEngine.Device"/>.</exception>
    public Device Device
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Device), value, $"{nameof(Device)} must be a member of the enumeration.");
    }

    /// <summary>Which device of that kind, in the order its driver lists them, from 0. Default: 0. The CPU is one device.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int DeviceIndex { get; init => field = OptionRange.Check(value, 0, int.MaxValue); }

    /// <summary>
    /// Devices of that kind, from <see cref="DeviceIndex"/> on, that the layers are divided among, in proportion to their memory. They
    /// compute one after the other: more devices are for a larger model, not a faster one. 1 to 64. Default: 1. The CPU is one device.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int DeviceCount { get; init => field = OptionRange.Check(value, 1, 64); } = 1;

    /// <summary>
    /// Bytes the model may take of each GPU's memory. One that would take more is refused before anything is allocated. Null (default):
    /// what is free.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? DeviceMemoryLimit { get; init => field = OptionRange.Check(value, 1, long.MaxValue); }

    /// <summary>
    /// Where routed experts are computed if the device is a GPU. On the CPU they let a large mixture-of-experts model run on a GPU with
    /// little memory. Default: <see cref="ExpertPlacement.Auto"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a member of <see cref="ExpertPlacement"/>.</exception>
    public ExpertPlacement Experts
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Experts), value, $"{nameof(Experts)} must be a member of the enumeration.");
    }

    /// <summary>
    /// Tokens a conversation may have, prompt and response together, from 2 on; memory for the cache grows with it. More than the model
    /// was made for is refused when it is loaded. Null (default): what the model was made for, but at most 8192.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 2.</exception>
    public int? ContextLength { get; init => field = OptionRange.Check(value, 2, int.MaxValue); }

    /// <summary>Threads that compute on the CPU, 1 to 1024. Null (default): one a core.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int? Threads { get; init => field = OptionRange.Check(value, 1, 1024); }

    /// <summary>
    /// The format the large matrices are computed from, on every device. A packed checkpoint has its format already, and another one is
    /// refused. Default: <see cref="WeightFormat.AsStored"/>; what <see cref="WeightFormat.Auto"/> chooses, and with it the answers, depends on
    /// what memory is free.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a member of <see cref="WeightFormat"/>.</exception>
    public WeightFormat Weights
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Weights), value, $"{nameof(Weights)} must be a member of the enumeration.");
    }

    /// <summary>
    /// What the key-value cache is kept as, on every device: less is more tokens in the same memory, and less to read for each of a long
    /// context. Default: <see cref="KvCachePrecision.Auto"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a member of <see cref="KvCachePrecision"/>.</exception>
    public KvCachePrecision KvCache
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(KvCache), value, $"{nameof(KvCache)} must be a member of the enumeration.");
    }

    /// <summary>Requests computed together, 1 to 1024; more wait for their turn. Default: 16.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int MaxConcurrentRequests { get; init => field = OptionRange.Check(value, 1, 1024); } = 16;

    /// <summary>
    /// Requests that may wait for their turn, from 1 on; one more fails at once with <see cref="QueueFullException"/>. Default: 1024.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxQueuedRequests { get; init => field = OptionRange.Check(value, 1, int.MaxValue); } = 1024;

    /// <summary>
    /// Tokens the cache holds for all requests together, those it remembers for later ones included; raised to one full context where it
    /// is less. Where running requests outgrow it, the latest is put back and computed again. Null (default): four full contexts, or
    /// <see cref="MaxConcurrentRequests"/> if that is fewer.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int? CacheTokens { get; init => field = OptionRange.Check(value, 1, int.MaxValue); }

    /// <summary>
    /// Whether the checkpoint's multi-token-prediction module guesses tokens ahead, which are verified together. The tokens are the same
    /// with it and without. Null (default): where it proves faster.
    /// </summary>
    public bool? SpeculativeDecoding { get; init; }

    /// <summary>
    /// Prompt tokens computed in one step, 1 to 65536: more is faster for long prompts, takes more memory and lets other requests wait
    /// longer for their next token. Default: 512.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public int PrefillChunk { get; init => field = OptionRange.Check(value, 1, 65536); } = 512;

    /// <summary>Where the engine logs to. Null (default): nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }
}
