using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Even and odd bytes as 16-bit integers: AVX-512 cannot give a byte another's sign.</summary>
internal readonly unsafe struct Avx512Int8 : IPackedDot<Two<Vector512<short>>, Vector512<int>, Vector512<float>>
{
    public static bool IsSupported => Avx512BW.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector512<short>> Load(byte* line)
    {
        var stored = Vector512.Load((ushort*)line);
        return new((stored & Vector512.Create((ushort)255)).AsInt16(), (stored >> 8).AsInt16());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> sums, Two<Vector512<short>> weights, sbyte* x)
    {
        var v = Vector512.Create(Unsafe.ReadUnaligned<int>(x)).AsInt16();
        return sums + Avx512BW.MultiplyAddAdjacent(weights.A, (v << 8) >> 8) + Avx512BW.MultiplyAddAdjacent(weights.B, v >> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadScales(byte* scales) => PanelFold.LoadInt8Scales512(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Vector512<int> sums, int xBias, Vector512<float> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector512.Create(xBias), scales, xScale, y);
}

/// <inheritdoc cref="Avx2Int4"/>
internal readonly unsafe struct Avx512Int4 : IPackedDot<Two<Vector512<byte>>, Vector512<short>, Vector512<float>>
{
    public static bool IsSupported => Avx512BW.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector512<byte>> Load(byte* line)
    {
        var low = Vector512.Create((byte)15);
        var stored = Vector512.Load(line);
        return new(stored & low, (stored.AsUInt16() >> 4).AsByte() & low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Add(Vector512<short> sums, Two<Vector512<byte>> weights, sbyte* x)
    {
        var v = Vector512.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        var w = Vector512.Create(Unsafe.ReadUnaligned<int>(x + PackedLayout.StepColumns)).AsSByte();
        return sums + Avx512BW.MultiplyAddAdjacent(weights.A, v) + Avx512BW.MultiplyAddAdjacent(weights.B, w);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadScales(byte* scales) => PanelFold.LoadInt4Scales512(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Vector512<short> sums, int xBias, Vector512<float> scales, float xScale, float* y)
        => PanelFold.Add(Avx512BW.MultiplyAddAdjacent(sums, Vector512.Create((short)1)), Vector512.Create(xBias), scales, xScale, y);
}
