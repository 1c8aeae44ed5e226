using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t] = RMSNorm(x[t]) W^T, and beside it, since it depends on neither, <see cref="AppendLatents"/>: q_b_proj of normalised query latents
/// while the key-value latents go to the cache. The bits are those of the operations apart.
/// Grid: (panels of W, then one more, ceil(tokens / TokenTile)); a group a panel and a tile of tokens, or the latents of a tile.
/// </summary>
internal static class ProjectQueries
{
    public struct Parameters
    {
        public required NormView Norm;
        public required WeightView W;
        public required RowView Y;
        public required AppendLatents.Parameters Append;
        public required int Tokens;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> products = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxY * WeightView.TokenTile;
        TokenTile tokens = TokenTile.Following(p.Norm.X, token, p.Tokens);
        if (Grid.IdxX < p.W.Panels)
        {
            NormedRows rows = p.Norm.Rows<TPlatform>(tokens, scratch);
            PanelProduct.Run<TWeight, TPlatform, NormedRows>(p.W, 0, Grid.IdxX, p.Norm.X.Data, tokens, rows, products);
            Linear.Store<TPlatform>(products, p.Y, token, tokens.Count, Grid.IdxX, p.W.Rows, 0);
        }
        else
        {
            for (int tile = 0; tile < tokens.Count; tile++)
            {
                AppendLatents.Append<TPlatform>(p.Append, token + tile, scratch);
            }
        }
    }
}
