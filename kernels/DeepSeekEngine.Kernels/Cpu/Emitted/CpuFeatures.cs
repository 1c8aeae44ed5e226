using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>Instructions that .NET has no intrinsics for, by what the processor says of itself.</summary>
internal static class CpuFeatures
{
    /// <summary>Set to 0, this environment variable forbids code that is emitted at run time.</summary>
    public const string EmitVariable = "DEEPSEEKENGINE_EMIT";

    private const int ExtendedFeatures = 7;
    private const int AmxTile = 1 << 24, AmxInt8 = 1 << 25;

    /// <summary>Whether functions may be emitted for this process at all.</summary>
    public static bool MayEmit { get; } = Environment.GetEnvironmentVariable(EmitVariable) != "0";

    /// <summary>vpdpbusd and vpdpwssd on 512-bit registers.</summary>
    public static bool Avx512Vnni { get; } = HasWideRegisters && (Features(0).Ecx & (1 << 11)) != 0;

    /// <summary>vdpbf16ps and vcvtneps2bf16 on 512-bit registers.</summary>
    public static bool Avx512BFloat16 { get; } = HasWideRegisters && (Features(1).Eax & (1 << 5)) != 0;

    /// <summary>Tiles and their products of bytes, beside the 512-bit registers that results are folded in.</summary>
    public static bool Amx => Tiles.Permitted;

    private static bool HasTiles => (Features(0).Edx & AmxTile) != 0 && (Features(0).Edx & AmxInt8) != 0;

    /// <summary>
    /// Only xgetbv tells whether the system saves 512-bit registers, and .NET does not have it. But the runtime has asked before it
    /// calls AVX-512 supported, and takes the user's word too if told not to use it.
    /// </summary>
    private static bool HasWideRegisters => Avx512F.IsSupported && X86Base.X64.IsSupported;

    private static (int Eax, int Ebx, int Ecx, int Edx) Features(int subleaf)
    {
        // Leaf 7 tells its highest sub-leaf; of one beyond it, a processor may say anything.
        return X86Base.CpuId(0, 0).Eax >= ExtendedFeatures && X86Base.CpuId(ExtendedFeatures, 0).Eax >= subleaf
            ? X86Base.CpuId(ExtendedFeatures, subleaf)
            : default;
    }

    // A class of its own, so that the system is asked, which changes the process for good, only on behalf of code that may be emitted.
    private static class Tiles
    {
        public static readonly bool Permitted = MayEmit && Avx512Vnni && Avx512BW.IsSupported && HasTiles && TilePermission.Request();
    }
}
