using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// hidden[t, j] = silu(h[t] . Wgate[j]) * (h[t] . Wup[j]), h = RMSNorm(x), which is computed as in <see cref="NormLinear"/>; the bits are
/// those of <see cref="RmsNorm"/>, <see cref="Linear"/> and <see cref="SwiGlu"/>.
/// Grid: (panels of Wgate, ceil(tokens / TokenTile)); a group a panel and a tile of tokens.
/// </summary>
internal static class NormSwiGlu
{
    public struct Parameters
    {
        public required NormView Norm;
        public required WeightView Gate;
        public required WeightView Up;
        public required RowView Hidden;
        public required int Tokens;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> gates = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<Float4> ups = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxY * WeightView.TokenTile;
        TokenTile tokens = TokenTile.Following(p.Norm.X, token, p.Tokens);
        NormedRows rows = p.Norm.Rows<TPlatform>(tokens, scratch);
        PanelProduct.Run<TWeight, TPlatform, NormedRows>(p.Gate, 0, Grid.IdxX, p.Norm.X.Data, tokens, rows, gates);
        PanelProduct.Run<TWeight, TPlatform, NormedRows>(p.Up, 0, Grid.IdxX, p.Norm.X.Data, tokens, rows, ups);
        SwiGlu.Store<TPlatform>(gates, ups, p.Hidden, SlotTile.OfTokens(token, p.Tokens), Grid.IdxX, p.Gate.Rows);
    }
}
