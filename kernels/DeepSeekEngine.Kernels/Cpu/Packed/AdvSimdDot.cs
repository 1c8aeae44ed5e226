using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Signed bytes times x; two products of at most 128 * 127 fit 16 bits.</summary>
internal readonly unsafe struct AdvSimdInt8 : IPackedDot<Four<Vector128<sbyte>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<sbyte>> Load(byte* line)
    {
        var bias = Vector128.Create((byte)PackedLayout.Int8Bias);
        return new(
            (Vector128.Load(line) ^ bias).AsSByte(), (Vector128.Load(line + 16) ^ bias).AsSByte(),
            (Vector128.Load(line + 32) ^ bias).AsSByte(), (Vector128.Load(line + 48) ^ bias).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Four<Vector128<sbyte>> weights, sbyte* x)
    {
        var v = Vector128.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        return new(
            Add(sums.A, weights.A, v), Add(sums.B, weights.B, v), Add(sums.C, weights.C, v), Add(sums.D, weights.D, v));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt8Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128<int>.Zero, scales, xScale, y);

    /// <summary>Adds four rows' products with four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<int> Add(Vector128<int> sums, Vector128<sbyte> weights, Vector128<sbyte> x)
        => AdvSimd.AddPairwiseWideningAndAdd(
            sums,
            AdvSimd.Arm64.AddPairwise(
                AdvSimd.MultiplyWideningLower(weights.GetLower(), x.GetLower()), AdvSimd.MultiplyWideningUpper(weights, x)));
}

/// <summary>Nibbles, as <see cref="AdvSimdInt8"/> multiplies bytes.</summary>
internal readonly unsafe struct AdvSimdInt4 : IPackedDot<Two<Four<Vector128<sbyte>>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Four<Vector128<sbyte>>> Load(byte* line)
    {
        var low = Vector128.Create((byte)15);
        var a = Vector128.Load(line);
        var b = Vector128.Load(line + 16);
        var c = Vector128.Load(line + 32);
        var d = Vector128.Load(line + 48);
        return new(
            new((a & low).AsSByte(), (b & low).AsSByte(), (c & low).AsSByte(), (d & low).AsSByte()),
            new((a >> 4).AsSByte(), (b >> 4).AsSByte(), (c >> 4).AsSByte(), (d >> 4).AsSByte()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Two<Four<Vector128<sbyte>>> weights, sbyte* x)
        => AdvSimdInt8.Add(AdvSimdInt8.Add(sums, weights.A, x), weights.B, x + PackedLayout.StepColumns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt4Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128.Create(xBias), scales, xScale, y);
}

/// <summary>Signed bytes times x, four products added to a 32-bit lane at once.</summary>
internal readonly unsafe struct AdvSimdDotInt8 : IPackedDot<Four<Vector128<sbyte>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => Dp.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<sbyte>> Load(byte* line) => AdvSimdInt8.Load(line);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Four<Vector128<sbyte>> weights, sbyte* x)
    {
        var v = Vector128.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();
        return new(
            Dp.DotProduct(sums.A, weights.A, v), Dp.DotProduct(sums.B, weights.B, v),
            Dp.DotProduct(sums.C, weights.C, v), Dp.DotProduct(sums.D, weights.D, v));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt8Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128<int>.Zero, scales, xScale, y);
}

/// <summary>Nibbles times x, four products added to a 32-bit lane at once.</summary>
internal readonly unsafe struct AdvSimdDotInt4 : IPackedDot<Two<Four<Vector128<sbyte>>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => Dp.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Four<Vector128<sbyte>>> Load(byte* line) => AdvSimdInt4.Load(line);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Two<Four<Vector128<sbyte>>> weights, sbyte* x)
        => AdvSimdDotInt8.Add(AdvSimdDotInt8.Add(sums, weights.A, x), weights.B, x + PackedLayout.StepColumns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt4Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128.Create(xBias), scales, xScale, y);
}
