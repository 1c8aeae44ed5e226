using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// normed[t] = RMSNorm(x[t]); y[t] = normed[t] W^T and z[t] = normed[t] V^T, of two matrices of one encoding. Each group computes the norm's
/// scale for itself, which saves a launch, and applies it to what it reads; the bits are those of <see cref="RmsNorm"/> and
/// <see cref="Linear"/>. Grid: (panels of W, then of V, ceil(tokens / TokenTile)); a group a panel and a tile of tokens.
/// </summary>
internal static class NormLinear
{
    public struct Parameters
    {
        public required NormView Norm;
        public required RowView Normed;
        public required WeightView W;

        /// <summary>Any valid view where there is no V.</summary>
        public required WeightView V;

        public required RowView Y;
        public required RowView Z;
        public required int Tokens;

        /// <summary>Panels of both.</summary>
        public required int Panels;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> products = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxY * WeightView.TokenTile;
        int panel = Grid.IdxX;
        TokenTile tokens = TokenTile.Following(p.Norm.X, token, p.Tokens);
        NormedRows rows = p.Norm.Rows<TPlatform>(tokens, scratch);
        p.Norm.Store<TPlatform>(rows, p.Normed, token, tokens.Count, panel, p.Panels);

        // Two products in the code, because ILGPU does not know how a view is aligned that is one of two.
        if (panel < p.W.Panels)
        {
            PanelProduct.Run<TWeight, TPlatform, NormedRows>(p.W, 0, panel, p.Norm.X.Data, tokens, rows, products);
            Linear.Store<TPlatform>(products, p.Y, token, tokens.Count, panel, p.W.Rows, 0);
        }
        else
        {
            panel -= p.W.Panels;
            PanelProduct.Run<TWeight, TPlatform, NormedRows>(p.V, 0, panel, p.Norm.X.Data, tokens, rows, products);
            Linear.Store<TPlatform>(products, p.Z, token, tokens.Count, panel, p.V.Rows, 0);
        }
    }
}
