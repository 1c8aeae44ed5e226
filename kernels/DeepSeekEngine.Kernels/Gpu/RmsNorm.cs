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
        public required int Aligned;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        long x = p.X.Row(Grid.IdxX);
        Normalize<TPlatform>(p.X.Data, x, p.Weight, p.Epsilon, p.Y.Data, p.Y.Row(Grid.IdxX), p.Width, p.Aligned, scratch);
    }

    /// <summary>Normalises the width values at x into those at y; to be called by all threads of a group.</summary>
    public static void Normalize<TPlatform>(
        ArrayView<float> xs, long x, ArrayView<float> weight, float epsilon,
        ArrayView<float> ys, long y, int width, int aligned, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        float scale = Scale<TPlatform>(xs, x, epsilon, width, aligned, scratch);
        for (int i = Group.IdxX; i < width; i += TPlatform.GroupSize)
        {
            ys[y + i] = Apply(weight[i], scale, xs[x + i]);
        }
    }

    /// <summary>1 / sqrt(mean(x^2) + epsilon) of the width values at x; to be called by all threads of a group, which all receive it.</summary>
    /// <param name="aligned">1 where x and width are multiples of four; the result does not depend on it.</param>
    public static float Scale<TPlatform>(
        ArrayView<float> xs, long x, float epsilon, int width, int aligned, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        Float4 squares = default;
        for (int i = Group.IdxX << 2; i < width; i += TPlatform.GroupSize << 2)
        {
            Float4 values = Quads.Load(xs, x + i, width - i, aligned);
            squares = Quads.AddSquares(squares, values);
        }

        float sum = (squares.X + squares.Y) + (squares.Z + squares.W);
        float total = GroupReduce.All<float, Sum, TPlatform>(sum, scratch);
        return 1f / MathF.Sqrt(total / width + epsilon);
    }

    /// <summary>A normalised value.</summary>
    public static float Apply(float weight, float scale, float value) => weight * (value * scale);
}
