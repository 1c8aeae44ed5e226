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
        for (int i = Group.IdxX; i < PackedLayout.PanelRows * WeightView.TokenTile; i += TPlatform.GroupSize)
        {
            int tile = i >> 4;
            int row = (Grid.IdxX << 4) + (i & 15);
            if (tile < tokens.Count && row < p.Weight.Rows)
            {
                long at = p.Y.Row(token + tile) + row;
                float value = scratch[(i & 15) * (TPlatform.GroupSize >> 2)].At(tile);
                p.Y.Data[at] = p.Accumulate == 0 ? value : p.Y.Data[at] + value;
            }
        }
    }
}
