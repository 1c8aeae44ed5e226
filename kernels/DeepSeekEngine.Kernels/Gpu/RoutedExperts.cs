using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t] += sum_i w[t, i] (silu(x[t] Wgate_e^T) * (x[t] Wup_e^T)) Wdown_e^T, e = ids[t, i] (DeepSeek-V3, arXiv:2412.19437, equation 12).
/// Two launches: <see cref="Hidden"/> fills hidden [tokens * k, intermediate], then <see cref="Down"/> sums over i in ascending order.
/// </summary>
internal static class RoutedExperts
{
    public struct HiddenParameters
    {
        public required RowView X;
        public required ArrayView<int> Ids;
        public required WeightView Gate;
        public required WeightView Up;
        public required RowView Hidden;
    }

    public struct DownParameters
    {
        public required RowView Hidden;
        public required ArrayView<int> Ids;
        public required RowView Weights;
        public required WeightView Down;
        public required RowView Y;
        public required int Chosen;
    }

    /// <summary>
    /// hidden[t * k + i, j] = silu(x[t] . Wgate_e[j]) * (x[t] . Wup_e[j]). Grid: (intermediate, tokens, k); a group an element.
    /// </summary>
    [GpuKernel]
    public static void Hidden<TWeight, TPlatform>(HiddenParameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> scratch = SharedMemory.Allocate<Float4>(TPlatform.GroupSize);
        int row = Grid.IdxX;
        int token = Grid.IdxY;
        long slot = (long)token * Grid.DimZ + Grid.IdxZ;
        int expert = p.Ids[slot];
        Float4 partial = p.Gate.Dot<TWeight, TPlatform>(expert, row, p.X, token, 1);
        partial.Y = p.Up.Dot<TWeight, TPlatform>(expert, row, p.X, token, 1).X;
        Float4 sum = GroupReduce.All<Float4, Sum4, TPlatform>(partial, scratch);
        if (Group.IdxX == 0)
        {
            p.Hidden.Data[p.Hidden.Row(slot) + row] = SwiGlu.Apply(sum.X, sum.Y);
        }
    }

    /// <summary>y[t, j] += sum_i w[t, i] (hidden[t * k + i] . Wdown_e[j]). Grid: (hidden size, tokens); a group an element.</summary>
    [GpuKernel]
    public static void Down<TWeight, TPlatform>(DownParameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int row = Grid.IdxX;
        int token = Grid.IdxY;
        float partial = 0f;
        for (int i = 0; i < p.Chosen; i++)
        {
            int slot = token * p.Chosen + i;
            Float4 dot = p.Down.Dot<TWeight, TPlatform>(p.Ids[slot], row, p.Hidden, slot, 1);
            partial += p.Weights.Data[p.Weights.Row(token) + i] * dot.X;
        }

        float sum = GroupReduce.All<float, Sum, TPlatform>(partial, scratch);
        if (Group.IdxX == 0)
        {
            p.Y.Data[p.Y.Row(token) + row] += sum;
        }
    }
}
