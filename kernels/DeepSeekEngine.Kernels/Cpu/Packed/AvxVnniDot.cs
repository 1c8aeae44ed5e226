using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Stored bytes times x, four products added to a 32-bit lane at once.</summary>
internal readonly unsafe struct AvxVnniInt8 : IPackedDot<Two<Vector256<byte>>, Two<Vector256<int>>, Two<Vector256<float>>>
{
    public static bool IsSupported => AvxVnni.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<byte>> Load(byte* line) => new(Vector256.Load(line), Vector256.Load(line + 32));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<int>> Add(Two<Vector256<int>> sums, Two<Vector256<byte>> weights, sbyte* x)
    {
        var v = Vector256.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        return new(
            AvxVnni.MultiplyWideningAndAdd(sums.A, weights.A, v), AvxVnni.MultiplyWideningAndAdd(sums.B, weights.B, v));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadScales(byte* scales) => PanelFold.LoadInt8Scales256(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Two<Vector256<int>> sums, int xBias, Two<Vector256<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector256.Create(xBias), scales, xScale, y);
}

/// <summary>Nibbles times x, four products added to a 32-bit lane at once.</summary>
internal readonly unsafe struct AvxVnniInt4 : IPackedDot<Four<Vector256<byte>>, Two<Vector256<int>>, Two<Vector256<float>>>
{
    public static bool IsSupported => AvxVnni.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector256<byte>> Load(byte* line) => Avx2Int4.Load(line);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<int>> Add(Two<Vector256<int>> sums, Four<Vector256<byte>> weights, sbyte* x)
    {
        var v = Vector256.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        var w = Vector256.Create(Unsafe.ReadUnaligned<int>(x + PackedLayout.StepColumns)).AsSByte();
        var a = AvxVnni.MultiplyWideningAndAdd(sums.A, weights.A, v);
        var b = AvxVnni.MultiplyWideningAndAdd(sums.B, weights.B, v);
        return new(AvxVnni.MultiplyWideningAndAdd(a, weights.C, w), AvxVnni.MultiplyWideningAndAdd(b, weights.D, w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadScales(byte* scales) => PanelFold.LoadInt4Scales256(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Two<Vector256<int>> sums, int xBias, Two<Vector256<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector256.Create(xBias), scales, xScale, y);
}
