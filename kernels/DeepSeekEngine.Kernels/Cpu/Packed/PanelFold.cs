using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// y[r] = fma(float(sums[r] + bias), scales[r] * xScale, y[r]) for the 16 rows of a panel. The sums are below 2^24, so their
/// conversion is exact.
/// </summary>
internal static unsafe class PanelFold
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadInt8Scales128(byte* scales)
    {
        float* s = (float*)scales;
        return new(Vector128.Load(s), Vector128.Load(s + 4), Vector128.Load(s + 8), Vector128.Load(s + 12));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadInt8Scales256(byte* scales)
        => new(Vector256.Load((float*)scales), Vector256.Load((float*)scales + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt8Scales512(byte* scales) => Vector512.Load((float*)scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Four<Vector128<float>> LoadInt4Scales128(byte* scales)
    {
        var a = Vector128.Load((ushort*)scales);
        var b = Vector128.Load((ushort*)scales + 8);
        return new(
            (Vector128.WidenLower(a) << 16).AsSingle(), (Vector128.WidenUpper(a) << 16).AsSingle(),
            (Vector128.WidenLower(b) << 16).AsSingle(), (Vector128.WidenUpper(b) << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two<Vector256<float>> LoadInt4Scales256(byte* scales) => new(
        (Avx2.ConvertToVector256Int32((ushort*)scales) << 16).AsSingle(),
        (Avx2.ConvertToVector256Int32((ushort*)scales + 8) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt4Scales512(byte* scales)
        => (Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)scales)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Four<Vector128<int>> sums, Vector128<int> bias, Four<Vector128<float>> scales, float xScale, float* y)
    {
        var x = Vector128.Create(xScale);
        Add(sums.A + bias, scales.A * x, y);
        Add(sums.B + bias, scales.B * x, y + 4);
        Add(sums.C + bias, scales.C * x, y + 8);
        Add(sums.D + bias, scales.D * x, y + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Two<Vector256<int>> sums, Vector256<int> bias, Two<Vector256<float>> scales, float xScale, float* y)
    {
        var x = Vector256.Create(xScale);
        Add(sums.A + bias, scales.A * x, y);
        Add(sums.B + bias, scales.B * x, y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Vector512<int> sums, Vector512<int> bias, Vector512<float> scales, float xScale, float* y)
        => Vector512.MultiplyAddEstimate(
            Vector512.ConvertToSingle(sums + bias), scales * Vector512.Create(xScale), Vector512.Load(y)).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector128<int> sums, Vector128<float> scale, float* y)
        => Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(sums), scale, Vector128.Load(y)).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector256<int> sums, Vector256<float> scale, float* y)
        => Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(sums), scale, Vector256.Load(y)).Store(y);
}
