namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Products with packed matrices by instructions that .NET has no intrinsics for. Emitted once a process, when first asked for; null
/// where the processor lacks the instructions, the system forbids emitted code or the user does.
/// </summary>
internal static unsafe class PackedKernel
{
    /// <summary>Computes a tile of an Int8 matrix.</summary>
    public static delegate* unmanaged<PackedTile*, void> Int8 => Emitted.Int8;

    /// <summary>Computes a tile of an Int4 matrix.</summary>
    public static delegate* unmanaged<PackedTile*, void> Int4 => Emitted.Int4;

    // A class of its own, so that nothing is emitted before it is needed.
    private static class Emitted
    {
        public static readonly delegate* unmanaged<PackedTile*, void> Int8 =
            (delegate* unmanaged<PackedTile*, void>)EmittedCode.For(CpuFeatures.Avx512Vnni, static () => new PackedInt8Emitter());

        public static readonly delegate* unmanaged<PackedTile*, void> Int4 =
            (delegate* unmanaged<PackedTile*, void>)EmittedCode.For(CpuFeatures.Avx512Vnni, static () => new PackedInt4Emitter());
    }
}
