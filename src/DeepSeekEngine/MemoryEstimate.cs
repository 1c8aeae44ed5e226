namespace DeepSeekEngine;

/// <summary>Bytes a model takes once it is loaded and at work, as <see cref="DeepSeekModel.EstimateMemory"/> finds them.</summary>
public sealed record MemoryEstimate
{
    /// <summary>Bytes of the weights, mapped or in memory.</summary>
    public required long Weights { get; init; }

    /// <summary>
    /// The part of <see cref="Weights"/> the CPU uses where it lies in the checkpoint's files. It may be larger than memory: the
    /// system then reads again from the disk what it had to drop. What a GPU uses is a copy and not counted here.
    /// </summary>
    public required long MappedWeights { get; init; }

    /// <summary>Bytes of the key-value cache.</summary>
    public required long Cache { get; init; }

    /// <summary>Bytes of activations, tables and what the threads that compute need each for themselves.</summary>
    public required long Workspaces { get; init; }

    /// <summary>The part of <see cref="Total"/> that is in the memory of GPUs; the rest is the host's.</summary>
    public long OnDevices { get; init; }

    /// <summary>All of it.</summary>
    public long Total => Weights + Cache + Workspaces;
}
