using System.Runtime.Intrinsics;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>The instruction sets there are micro-kernels for, a better one after those it replaces.</summary>
internal enum PackedPath
{
    Portable,
    AdvSimd,
    AdvSimdDot,
    Avx2,
    Avx512,
    AvxVnni,

    /// <summary>Emitted at run time, .NET having no intrinsics for it.</summary>
    Avx512Vnni,

    /// <summary>The same, and tiles for all but a few tokens.</summary>
    Amx,
}

/// <summary>The micro-kernels a backend computes packed matrices with, chosen once.</summary>
internal readonly unsafe struct PackedKernels
{
    /// <summary>So few wait for memory, and would leave most of a tile empty.</summary>
    private const int FewTokens = 4;

    private readonly delegate*<PackedTile*, void> int8;
    private readonly delegate*<PackedTile*, void> int4;

    public PackedKernels(delegate*<PackedTile*, void> int8, delegate*<PackedTile*, void> int4)
    {
        this.int8 = int8;
        this.int4 = int4;
    }

    /// <summary>Those of the best path this processor has.</summary>
    public static PackedKernels Native => Of(Enum.GetValues<PackedPath>().Last(IsSupported));

    public static bool IsSupported(PackedPath path) => path switch
    {
        PackedPath.Portable => true,
        PackedPath.AdvSimd => AdvSimdInt8.IsSupported,
        PackedPath.AdvSimdDot => AdvSimdDotInt8.IsSupported,
        PackedPath.Avx2 => Avx2Int8.IsSupported,
        PackedPath.Avx512 => Avx512Int8.IsSupported,
        PackedPath.AvxVnni => AvxVnniInt8.IsSupported,
        PackedPath.Avx512Vnni => PackedKernel.Int8 != null && PackedKernel.Int4 != null,
        PackedPath.Amx => IsSupported(PackedPath.Avx512Vnni) && PackedKernel.HasTiles,
        _ => throw new ArgumentOutOfRangeException(nameof(path)),
    };

    /// <exception cref="PlatformNotSupportedException">This processor does not have the instructions.</exception>
    public static PackedKernels Of(PackedPath path) => !IsSupported(path)
        ? throw new PlatformNotSupportedException($"This processor has no {path} instructions.")
        : path switch
        {
            PackedPath.AdvSimd => new(
                &PackedLoop.Run<Int8Format, AdvSimdInt8, Four<Vector128<sbyte>>, Four<Vector128<int>>, Four<Vector128<float>>>,
                &PackedLoop.Run<Int4Format, AdvSimdInt4, Two<Four<Vector128<sbyte>>>, Four<Vector128<int>>, Four<Vector128<float>>>),
            PackedPath.AdvSimdDot => new(
                &PackedLoop.Run<Int8Format, AdvSimdDotInt8, Four<Vector128<sbyte>>, Four<Vector128<int>>, Four<Vector128<float>>>,
                &PackedLoop.Run<Int4Format, AdvSimdDotInt4, Two<Four<Vector128<sbyte>>>, Four<Vector128<int>>, Four<Vector128<float>>>),
            PackedPath.Avx2 => new(
                &PackedLoop.Run<Int8Format, Avx2Int8, Four<Vector256<sbyte>>, Two<Vector256<int>>, Two<Vector256<float>>>,
                &PackedLoop.Run<Int4Format, Avx2Int4, Four<Vector256<byte>>, Two<Vector256<short>>, Two<Vector256<float>>>),
            PackedPath.Avx512 => new(
                &PackedLoop.Run<Int8Format, Avx512Int8, Two<Vector512<short>>, Vector512<int>, Vector512<float>>,
                &PackedLoop.Run<Int4Format, Avx512Int4, Two<Vector512<byte>>, Vector512<short>, Vector512<float>>),
            PackedPath.AvxVnni => new(
                &PackedLoop.Run<Int8Format, AvxVnniInt8, Two<Vector256<byte>>, Two<Vector256<int>>, Two<Vector256<float>>>,
                &PackedLoop.Run<Int4Format, AvxVnniInt4, Four<Vector256<byte>>, Two<Vector256<int>>, Two<Vector256<float>>>),
            PackedPath.Avx512Vnni => new(&RunEmittedInt8, &RunEmittedInt4),
            PackedPath.Amx => new(&RunAmxInt8, &RunAmxInt4),
            _ => new(
                &PackedLoop.Run<Int8Format, PortableInt8, Four<Vector128<uint>>, Four<Vector128<int>>, Four<Vector128<float>>>,
                &PackedLoop.Run<Int4Format, PortableInt4, Two<Four<Vector128<uint>>>, Four<Vector128<int>>, Four<Vector128<float>>>),
        };

    public void Run(WeightEncoding encoding, PackedTile* tile)
    {
        delegate*<PackedTile*, void> kernel = encoding == WeightEncoding.Int8 ? int8 : int4;
        kernel(tile);
    }

    private static void RunEmittedInt8(PackedTile* tile) => PackedKernel.Int8(tile);

    private static void RunEmittedInt4(PackedTile* tile) => PackedKernel.Int4(tile);

    private static void RunAmxInt8(PackedTile* tile)
    {
        delegate* unmanaged<PackedTile*, void> kernel = UsesTiles(tile) ? PackedKernel.AmxInt8 : PackedKernel.Int8;
        kernel(tile);
    }

    private static void RunAmxInt4(PackedTile* tile)
    {
        delegate* unmanaged<PackedTile*, void> kernel = UsesTiles(tile) ? PackedKernel.AmxInt4 : PackedKernel.Int4;
        kernel(tile);
    }

    private static bool UsesTiles(PackedTile* tile) => tile->Tokens > FewTokens && SignalStack.Ensure();
}
