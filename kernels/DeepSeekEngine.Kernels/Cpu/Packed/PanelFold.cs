using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// y[r] = fma(float(sums[r] - bias * xSum), scales[r] * xScale, y[r]) for the 16 rows of a panel. The sums are below 2^24, so their
/// conversion is exact.
/// </summary>
internal static unsafe class PanelFold
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt8(Four<Vector128<int>> sums, int bias, byte* scales, float xScale, float* y)
    {
        float* s = (float*)scales;
        var correction = Vector128.Create(bias);
        var x = Vector128.Create(xScale);
        Add(sums.A - correction, Vector128.Load(s) * x, y);
        Add(sums.B - correction, Vector128.Load(s + 4) * x, y + 4);
        Add(sums.C - correction, Vector128.Load(s + 8) * x, y + 8);
        Add(sums.D - correction, Vector128.Load(s + 12) * x, y + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt8(Two<Vector256<int>> sums, int bias, byte* scales, float xScale, float* y)
    {
        float* s = (float*)scales;
        var correction = Vector256.Create(bias);
        var x = Vector256.Create(xScale);
        Add(sums.A - correction, Vector256.Load(s) * x, y);
        Add(sums.B - correction, Vector256.Load(s + 8) * x, y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt8(Vector512<int> sums, int bias, byte* scales, float xScale, float* y)
        => Add(sums - Vector512.Create(bias), Vector512.Load((float*)scales) * Vector512.Create(xScale), y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt4(Four<Vector128<int>> sums, int xSum, byte* scales, float xScale, float* y)
    {
        var first = Vector128.Load((ushort*)scales);
        var second = Vector128.Load((ushort*)scales + 8);
        var correction = Vector128.Create(PackedLayout.Int4Bias * xSum);
        var x = Vector128.Create(xScale);
        Add(sums.A - correction, (Vector128.WidenLower(first) << 16).AsSingle() * x, y);
        Add(sums.B - correction, (Vector128.WidenUpper(first) << 16).AsSingle() * x, y + 4);
        Add(sums.C - correction, (Vector128.WidenLower(second) << 16).AsSingle() * x, y + 8);
        Add(sums.D - correction, (Vector128.WidenUpper(second) << 16).AsSingle() * x, y + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt4(Two<Vector256<int>> sums, int xSum, byte* scales, float xScale, float* y)
    {
        var correction = Vector256.Create(PackedLayout.Int4Bias * xSum);
        var x = Vector256.Create(xScale);
        Add(sums.A - correction, (Avx2.ConvertToVector256Int32((ushort*)scales) << 16).AsSingle() * x, y);
        Add(sums.B - correction, (Avx2.ConvertToVector256Int32((ushort*)scales + 8) << 16).AsSingle() * x, y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddInt4(Vector512<int> sums, int xSum, byte* scales, float xScale, float* y)
        => Add(
            sums - Vector512.Create(PackedLayout.Int4Bias * xSum),
            (Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)scales)) << 16).AsSingle() * Vector512.Create(xScale),
            y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector128<int> sums, Vector128<float> scale, float* y)
        => Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(sums), scale, Vector128.Load(y)).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector256<int> sums, Vector256<float> scale, float* y)
        => Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(sums), scale, Vector256.Load(y)).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector512<int> sums, Vector512<float> scale, float* y)
        => Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(sums), scale, Vector512.Load(y)).Store(y);
}
