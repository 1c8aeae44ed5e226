namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Products of bfloat16 weights and activations by an instruction that .NET has no intrinsic for. Emitted once a process, when first
/// asked for; null where the processor lacks the instruction, the system forbids emitted code or the user does.
/// </summary>
internal static unsafe class BFloat16Kernel
{
    public static delegate* unmanaged<BFloat16Tile*, void> Tile => Emitted.Tile;

    // A class of its own, so that nothing is emitted before it is needed.
    private static class Emitted
    {
        public static readonly delegate* unmanaged<BFloat16Tile*, void> Tile =
            (delegate* unmanaged<BFloat16Tile*, void>)EmittedCode.For(CpuFeatures.Avx512BFloat16, static () => new BFloat16Emitter());
    }
}
