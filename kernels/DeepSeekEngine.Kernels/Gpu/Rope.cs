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
        ys[y] = a * cos - b * sin;
        ys[y + 1] = a * sin + b * cos;
    }
}
