using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t, i] = x[t] . W[i], or += with Accumulate = 1. Weights are decoded in registers.
/// Grid: (rows of W, ceil(tokens / TokenTile)); a group a row of W and a tile of tokens, which share the decoded weights.
/// </summary>
internal static class Linear
{
    public struct Parameters
    {
        public required WeightView Weight;
        public required RowView X;
        public required RowView Y;
        public required int Tokens;

        /// <summary>1 to add to y, 0 to overwrite it.</summary>
        public required int Accumulate;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> scratch = SharedMemory.Allocate<Float4>(TPlatform.GroupSize);
        int row = Grid.IdxX;
        int token = Grid.IdxY * WeightView.TokenTile;
        Float4 partial = p.Weight.Dot<TWeight, TPlatform>(0, row, p.X, token, p.Tokens - token);
        Float4 sum = GroupReduce.All<Float4, Sum4, TPlatform>(partial, scratch);
        Store<TPlatform>(sum, p.Y, row, token, p.Tokens, p.Accumulate);
    }

    /// <summary>Writes a tile's values to column <paramref name="column"/> of its tokens' rows.</summary>
    public static void Store<TPlatform>(Float4 values, RowView y, int column, int firstToken, int tokens, int accumulate)
        where TPlatform : struct, IPlatform
    {
        for (int i = Group.IdxX; i < WeightView.TokenTile; i += TPlatform.GroupSize)
        {
            if (firstToken + i < tokens)
            {
                long at = y.Row(firstToken + i) + column;
                float value = i < 2 ? (i == 0 ? values.X : values.Y) : (i == 2 ? values.Z : values.W);
                y.Data[at] = accumulate == 0 ? value : y.Data[at] + value;
            }
        }
    }
}
