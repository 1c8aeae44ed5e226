using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864): a pair (a, b) becomes (a cos - b sin, a sin + b cos). Pairs are neighbours,
/// (2i, 2i + 1), with the table's row of a position holding cos, sin for pair 0, for pair 1, ...; or halves, (i, i + width / 2), with all
/// cosines before all sines.
/// </summary>
internal static class Rope
{
    /// <summary>Rotates the neighbours at x by the cosine and sine at angle into the pair at y, which may be x.</summary>
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
    public static float First(float a, float b, float cos, float sin) => Fused.MultiplyAdd(a, cos, -(b * sin));

    public static float Second(float a, float b, float cos, float sin) => Fused.MultiplyAdd(a, sin, b * cos);
}
