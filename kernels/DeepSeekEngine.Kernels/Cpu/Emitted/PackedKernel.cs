namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Products with packed matrices by instructions that .NET has no intrinsics for. Emitted once a process, when first asked for; null
/// where the processor lacks the instructions, the system forbids them or emitted code, or the user does.
/// </summary>
internal static unsafe class PackedKernel
{
    /// <summary>Computes a tile of an Int8 matrix.</summary>
    public static delegate* unmanaged<PackedTile*, void> Int8 => Emitted.Int8;

    /// <summary>Computes a tile of an Int4 matrix.</summary>
    public static delegate* unmanaged<PackedTile*, void> Int4 => Emitted.Int4;

    /// <summary>Computes a tile of an Int8 matrix with AMX, which <see cref="SignalStack"/> must have made the thread ready for.</summary>
    public static delegate* unmanaged<PackedTile*, void> AmxInt8 => EmittedAmx.Int8;

    /// <summary>The same of an Int4 matrix.</summary>
    public static delegate* unmanaged<PackedTile*, void> AmxInt4 => EmittedAmx.Int4;

    /// <summary>Whether there are both, and they are right.</summary>
    public static bool HasTiles => EmittedAmx.AreRight;

    private static delegate* unmanaged<PackedTile*, void> Emit(bool supported, Func<FunctionEmitter> emitter)
        => (delegate* unmanaged<PackedTile*, void>)EmittedCode.For(supported, emitter);

    // Classes of their own, so that nothing is emitted before it is needed.
    private static class Emitted
    {
        public static readonly delegate* unmanaged<PackedTile*, void> Int8 =
            Emit(CpuFeatures.Avx512Vnni, static () => new PackedInt8Emitter());

        public static readonly delegate* unmanaged<PackedTile*, void> Int4 =
            Emit(CpuFeatures.Avx512Vnni, static () => new PackedInt4Emitter());
    }

    private static class EmittedAmx
    {
        public static readonly delegate* unmanaged<PackedTile*, void> Int8 = Emit(CpuFeatures.Amx, static () => new AmxInt8Emitter());

        public static readonly delegate* unmanaged<PackedTile*, void> Int4 = Emit(CpuFeatures.Amx, static () => new AmxInt4Emitter());

        public static readonly bool AreRight = Int8 != null && Int4 != null
            && TileCheck.Agree(WeightEncoding.Int8, Int8, Emitted.Int8) && TileCheck.Agree(WeightEncoding.Int4, Int4, Emitted.Int4);
    }
}
