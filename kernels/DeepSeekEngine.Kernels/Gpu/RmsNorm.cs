using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// 1 / rms in two parts, the second what root and quotient rounded away, so that a result is rounded once and not five times: what is lost
/// here is the same for the whole row, and routers tell it.
/// </summary>
internal struct NormScale
{
    public required float Scale;
    public required float Rest;
}

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
        NormScale scale = Scale<TPlatform>(xs, x, epsilon, width, aligned, scratch);
        for (int i = Group.IdxX; i < width; i += TPlatform.GroupSize)
        {
            ys[y + i] = Apply(weight[i], scale, xs[x + i]);
        }
    }

    /// <summary>1 / sqrt(mean(x^2) + epsilon) of the width values at x; to be called by all threads of a group, which all receive it.</summary>
    /// <param name="aligned">1 where x and width are multiples of four; the result does not depend on it.</param>
    public static NormScale Scale<TPlatform>(
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
        return ScaleOf(GroupReduce.All<float, Sum, TPlatform>(sum, scratch), width, epsilon);
    }

    /// <summary>1 / sqrt(total / width + epsilon), of the sum of squares.</summary>
    public static NormScale ScaleOf(float total, int width, float epsilon)
    {
        float square = total / width + epsilon;
        float rms = MathF.Sqrt(square);
        float scale = 1f / rms;
        float rest = scale * (Fused.MultiplyAdd(-scale, rms, 1f) - scale * (Fused.MultiplyAdd(-rms, rms, square) / (2f * rms)));
        return new() { Scale = scale, Rest = rest };
    }

    /// <summary>A normalised value.</summary>
    public static float Apply(float weight, NormScale scale, float value)
    {
        float normal = value * scale.Scale;
        float lost = Fused.MultiplyAdd(value, scale.Scale, -normal) + value * scale.Rest;
        return Fused.MultiplyAdd(weight, normal, weight * lost);
    }
}
