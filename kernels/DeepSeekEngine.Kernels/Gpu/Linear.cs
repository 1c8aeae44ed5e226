using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t, i] = x[t] . W[i], or += with Accumulate = 1. Weights are decoded in registers.
/// Grid: (panels of W, ceil(tokens / TokenTile)); a group a panel and a tile of tokens, which share the decoded weights.
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
        ArrayView<Float4> scratch = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        int token = Grid.IdxY * WeightView.TokenTile;
        TokenTile tokens = TokenTile.Following(p.X, token, p.Tokens);
        PanelProduct.Run<TWeight, TPlatform>(p.Weight, 0, Grid.IdxX, p.X.Data, tokens, scratch);
        Store<TPlatform>(scratch, p.Y, token, tokens.Count, Grid.IdxX, p.Weight.Rows, p.Accumulate);
    }

    /// <summary>Writes what <see cref="PanelProduct"/> left, or adds it, to the rows of y from a token on.</summary>
    public static void Store<TPlatform>(
        ArrayView<Float4> products, RowView y, int token, int tokens, int panel, int rows, int accumulate)
        where TPlatform : struct, IPlatform
    {
        for (int i = Group.IdxX; i < PackedLayout.PanelRows * WeightView.TokenTile; i += TPlatform.GroupSize)
        {
            int tile = i >> 4;
            int row = (panel << 4) + (i & 15);
            if (tile < tokens && row < rows)
            {
                long at = y.Row(token + tile) + row;
                float value = products[(i & 15) * (TPlatform.GroupSize >> 2)].At(tile);
                y.Data[at] = accumulate == 0 ? value : y.Data[at] + value;
            }
        }
    }
}
