namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>What a kernel must know of the hardware when it is compiled. A type argument, so that it folds to constants.</summary>
internal interface IPlatform
{
    /// <summary>Threads a group: a power of two.</summary>
    static abstract int GroupSize { get; }

    /// <summary>The binary logarithm of the threads of a group of the attention kernels: at least 2.</summary>
    static abstract int AttentionShift { get; }

    /// <summary>
    /// The binary logarithm of the warps that divide the rows of a tile of <see cref="MmaTile"/> among them, and of those that divide its tokens.
    /// </summary>
    static abstract int MmaShift { get; }
}

/// <summary>CUDA and OpenCL devices.</summary>
internal readonly struct GpuPlatform : IPlatform
{
    public static int GroupSize => 64;

    public static int AttentionShift => 7;

    public static int MmaShift => 1;
}

/// <summary>
/// ILGPU's CPU accelerator, where every thread of a group is a thread of the operating system and a barrier costs microseconds.
/// </summary>
internal readonly struct CpuAcceleratorPlatform : IPlatform
{
    public static int GroupSize => 4;

    public static int AttentionShift => 2;

    public static int MmaShift => 0;
}
