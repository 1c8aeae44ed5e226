using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// |w| times x with w's sign: two products of at most 128 * 127 fit 16 bits, which w + 128 times x would not. A stored 0, which no
/// quantiser writes, is -128, whose magnitude is 128 as an unsigned byte.
/// </summary>
internal readonly unsafe struct Avx2Int8 : IPackedDot<Four<Vector256<sbyte>>, Two<Vector256<int>>, Two<Vector256<float>>>
{
    public static bool IsSupported => Avx2.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector256<sbyte>> Load(byte* line)
    {
        var bias = Vector256.Create((byte)PackedLayout.Int8Bias);
        var a = (Vector256.Load(line) ^ bias).AsSByte();
        var b = (Vector256.Load(line + 32) ^ bias).AsSByte();
        return new(a, b, Avx2.Abs(a).AsSByte(), Avx2.Abs(b).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<int>> Add(Two<Vector256<int>> sums, Four<Vector256<sbyte>> weights, sbyte* x)
    {
        var v = Vector256.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        var ones = Vector256.Create((short)1);
        var a = Avx2.MultiplyAddAdjacent(weights.C.AsByte(), Avx2.Sign(v, weights.A));
        var b = Avx2.MultiplyAddAdjacent(weights.D.AsByte(), Avx2.Sign(v, weights.B));
        return new(sums.A + Avx2.MultiplyAddAdjacent(a, ones), sums.B + Avx2.MultiplyAddAdjacent(b, ones));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadScales(byte* scales) => PanelFold.LoadInt8Scales256(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Two<Vector256<int>> sums, int xBias, Two<Vector256<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector256<int>.Zero, scales, xScale, y);
}

/// <summary>Nibbles times x: the 32 products of a group of columns, four of them in each 16-bit lane's pairs, fit 16 bits.</summary>
internal readonly unsafe struct Avx2Int4 : IPackedDot<Four<Vector256<byte>>, Two<Vector256<short>>, Two<Vector256<float>>>
{
    public static bool IsSupported => Avx2.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector256<byte>> Load(byte* line)
    {
        var low = Vector256.Create((byte)15);
        var a = Vector256.Load(line);
        var b = Vector256.Load(line + 32);
        return new(
            a & low, b & low, (a.AsUInt16() >> 4).AsByte() & low, (b.AsUInt16() >> 4).AsByte() & low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<short>> Add(Two<Vector256<short>> sums, Four<Vector256<byte>> weights, sbyte* x)
    {
        var v = Vector256.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        var w = Vector256.Create(Unsafe.ReadUnaligned<int>(x + PackedLayout.StepColumns)).AsSByte();
        return new(
            sums.A + Avx2.MultiplyAddAdjacent(weights.A, v) + Avx2.MultiplyAddAdjacent(weights.C, w),
            sums.B + Avx2.MultiplyAddAdjacent(weights.B, v) + Avx2.MultiplyAddAdjacent(weights.D, w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadScales(byte* scales) => PanelFold.LoadInt4Scales256(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Two<Vector256<short>> sums, int xBias, Two<Vector256<float>> scales, float xScale, float* y)
    {
        var ones = Vector256.Create((short)1);
        var wide = new Two<Vector256<int>>(Avx2.MultiplyAddAdjacent(sums.A, ones), Avx2.MultiplyAddAdjacent(sums.B, ones));
        PanelFold.Add(wide, Vector256.Create(xBias), scales, xScale, y);
    }
}
