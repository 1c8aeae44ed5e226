using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>A column at a time in 32-bit lanes, on any processor.</summary>
internal readonly unsafe struct PortableInt8 : IPackedDot<Four<Vector128<uint>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<uint>> Load(byte* line)
    {
        uint* rows = (uint*)line;
        return new(Vector128.Load(rows), Vector128.Load(rows + 4), Vector128.Load(rows + 8), Vector128.Load(rows + 12));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Four<Vector128<uint>> weights, sbyte* x)
        => new(Add(sums.A, weights.A, x), Add(sums.B, weights.B, x), Add(sums.C, weights.C, x), Add(sums.D, weights.D, x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt8Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128.Create(xBias), scales, xScale, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Add(Vector128<int> sums, Vector128<uint> weights, sbyte* x)
    {
        var low = Vector128.Create(255u);
        return sums + (weights & low).AsInt32() * x[0] + ((weights >> 8) & low).AsInt32() * x[1]
            + ((weights >> 16) & low).AsInt32() * x[2] + (weights >> 24).AsInt32() * x[3];
    }
}

/// <inheritdoc cref="PortableInt8"/>
internal readonly unsafe struct PortableInt4 : IPackedDot<Two<Four<Vector128<uint>>>, Four<Vector128<int>>, Four<Vector128<float>>>
{
    public static bool IsSupported => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Four<Vector128<uint>>> Load(byte* line)
    {
        var low = Vector128.Create(0x0F0F0F0Fu);
        Four<Vector128<uint>> rows = PortableInt8.Load(line);
        return new(
            new(rows.A & low, rows.B & low, rows.C & low, rows.D & low),
            new((rows.A >> 4) & low, (rows.B >> 4) & low, (rows.C >> 4) & low, (rows.D >> 4) & low));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<int>> Add(Four<Vector128<int>> sums, Two<Four<Vector128<uint>>> weights, sbyte* x)
        => PortableInt8.Add(PortableInt8.Add(sums, weights.A, x), weights.B, x + PackedLayout.StepColumns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadScales(byte* scales) => PanelFold.LoadInt4Scales128(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fold(Four<Vector128<int>> sums, int xBias, Four<Vector128<float>> scales, float xScale, float* y)
        => PanelFold.Add(sums, Vector128.Create(xBias), scales, xScale, y);
}
