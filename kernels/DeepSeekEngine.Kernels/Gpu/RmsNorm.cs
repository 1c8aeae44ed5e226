using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t] = weight * x[t] / sqrt(mean(x[t]^2) + epsilon) (Zhang and Sennrich 2019, arXiv:1910.07467). y may be x.
/// Grid: (tokens); a group a token.
/// </summary>
internal static class RmsNorm
{
    public struct Parameters
    {
        public required RowView X;
        public required ArrayView<float> Weight;
        public required float Epsilon;
        public required RowView Y;
        public required int Width;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        long x = p.X.Row(Grid.IdxX);
        Normalize<TPlatform>(p.X.Data, x, p.Weight, p.Epsilon, p.Y.Data, p.Y.Row(Grid.IdxX), p.Width, scratch);
    }

    /// <summary>Normalises the width values at x into those at y; to be called by all threads of a group.</summary>
    public static void Normalize<TPlatform>(
        ArrayView<float> xs, long x, ArrayView<float> weight, float epsilon,
        ArrayView<float> ys, long y, int width, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        float squares = 0f;
        for (int i = Group.IdxX; i < width; i += TPlatform.GroupSize)
        {
            float value = xs[x + i];
            squares = Fused.MultiplyAdd(value, value, squares);
        }

        float total = GroupReduce.All<float, Sum, TPlatform>(squares, scratch);
        float square = total / width + epsilon;
        float rms = MathF.Sqrt(square);

        // 1 / rms in two parts, the second what root and quotient rounded away, so that a result is rounded once and not five times:
        // what is lost here is the same for the whole row, and routers tell it.
        float scale = 1f / rms;
        float rest = scale * (Fused.MultiplyAdd(-scale, rms, 1f) - scale * (Fused.MultiplyAdd(-rms, rms, square) / (2f * rms)));
        for (int i = Group.IdxX; i < width; i += TPlatform.GroupSize)
        {
            float value = xs[x + i];
            float normal = value * scale;
            float lost = Fused.MultiplyAdd(value, scale, -normal) + value * rest;
            ys[y + i] = Fused.MultiplyAdd(weight[i], normal, weight[i] * lost);
        }
    }
}
