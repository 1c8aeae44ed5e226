using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Rotary position embedding of interleaved pairs (Su et al. 2021, arXiv:2104.09864):
/// y[2i] = a cos - b sin, y[2i + 1] = a sin + b cos, with the table's row of a position holding cos, sin for pair 0, for pair 1, ...
/// </summary>
internal static class Rope
{
    /// <summary>Rotates the pair at x by the cosine and sine at angle into the pair at y, which may be x.</summary>
    public static void Rotate(ArrayView<float> xs, long x, ArrayView<float> table, long angle, ArrayView<float> ys, long y)
    {
        float a = xs[x];
        float b = xs[x + 1];
        float cos = table[angle];
        float sin = table[angle + 1];
        ys[y] = First(a, b, cos, sin);
        ys[y + 1] = Second(a, b, cos, sin);
    }

    /// <summary>Element 0 or 1 of the pair at x, rotated by the cosine and sine at angle.</summary>
    public static float Rotated(ArrayView<float> xs, long x, ArrayView<float> table, long angle, int element)
        => element == 0
            ? First(xs[x], xs[x + 1], table[angle], table[angle + 1])
            : Second(xs[x], xs[x + 1], table[angle], table[angle + 1]);

    /// <summary>With roundings that are stated, so that every kernel has the same bits.</summary>
    private static float First(float a, float b, float cos, float sin) => Fused.MultiplyAdd(a, cos, -(b * sin));

    private static float Second(float a, float b, float cos, float sin) => Fused.MultiplyAdd(a, sin, b * cos);
}
