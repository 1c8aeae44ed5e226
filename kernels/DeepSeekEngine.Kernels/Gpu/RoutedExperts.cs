using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t] += sum_i w[t, i] (silu(x[t] Wgate_e^T) * (x[t] Wup_e^T)) Wdown_e^T, e = ids[t, i] (DeepSeek-V3, arXiv:2412.19437, equation 12).
/// Launched after <see cref="ExpertOrder"/>: <see cref="Hidden"/> fills hidden [tokens * k, intermediate], then <see cref="Down"/> sums
/// over a token's experts in ascending order of their ids. Tokens of a block that chose the same expert share its decoded weights.
/// </summary>
internal static class RoutedExperts
{
    /// <summary>Tokens of a block at most: their sums are held in shared memory.</summary>
    public const int MaxBlockTokens = 64;

    public struct HiddenParameters
    {
        public required RowView X;
        public required ArrayView<int> Ids;
        public required ArrayView<int> Order;
        public required WeightView Gate;
        public required WeightView Up;
        public required RowView Hidden;
        public required int Chosen;
        public required int Slots;
        public required int BlockSlots;
    }

    public struct DownParameters
    {
        public required RowView Hidden;
        public required ArrayView<int> Ids;
        public required ArrayView<int> Order;
        public required RowView Weights;
        public required WeightView Down;
        public required RowView Y;
        public required int Chosen;
        public required int Slots;
        public required int BlockSlots;
    }

    /// <summary>
    /// hidden[t * k + i, j] = silu(x[t] . Wgate_e[j]) * (x[t] . Wup_e[j]). Grid: (slots, panels of Wgate); a group a panel and a tile of
    /// tokens of one expert, those at whose position no tile begins having nothing to do.
    /// </summary>
    [GpuKernel]
    public static void Hidden<TWeight, TPlatform>(HiddenParameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> gates = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<Float4> ups = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        int position = Grid.IdxX;
        if ((p.Order[(long)position * 2 + 1] & (WeightView.TokenTile - 1)) == 0)
        {
            SlotTile tile = SlotTile.At(p.Ids, p.Order, position, End(position - position % p.BlockSlots, p.BlockSlots, p.Slots));
            TokenTile tokens = tile.Rows(p.X, p.Chosen);
            PanelProduct.Run<TWeight, TPlatform>(p.Gate, tile.Expert, Grid.IdxY, p.X.Data, tokens, gates);
            PanelProduct.Run<TWeight, TPlatform>(p.Up, tile.Expert, Grid.IdxY, p.X.Data, tokens, ups);
            for (int i = Group.IdxX; i < PackedLayout.PanelRows * WeightView.TokenTile; i += TPlatform.GroupSize)
            {
                int row = (Grid.IdxY << 4) + (i & 15);
                if (i >> 4 < tile.Count && row < p.Gate.Rows)
                {
                    int at = (i & 15) * (TPlatform.GroupSize >> 2);
                    p.Hidden.Data[p.Hidden.Row(tile.Slot(i >> 4)) + row] = SwiGlu.Apply(gates[at].At(i >> 4), ups[at].At(i >> 4));
                }
            }
        }
    }

    /// <summary>
    /// y[t, j] += sum_i w[t, i] (hidden[t * k + i] . Wdown_e[j]). Grid: (panels of Wdown, blocks of tokens); a group a panel and a block.
    /// </summary>
    [GpuKernel]
    public static void Down<TWeight, TPlatform>(DownParameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> scratch = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<float> sums = SharedMemory.Allocate<float>(MaxBlockTokens * PackedLayout.PanelRows);
        int begin = Grid.IdxY * p.BlockSlots;
        int end = End(begin, p.BlockSlots, p.Slots);
        int firstToken = begin / p.Chosen;
        int elements = (end - begin) / p.Chosen * PackedLayout.PanelRows;
        for (int i = Group.IdxX; i < elements; i += TPlatform.GroupSize)
        {
            sums[i] = 0f;
        }

        int position = begin;
        while (position < end)
        {
            SlotTile tile = SlotTile.At(p.Ids, p.Order, position, end);

            // Its barriers also separate the threads' turns at a token's sums.
            PanelProduct.Run<TWeight, TPlatform>(p.Down, tile.Expert, Grid.IdxX, p.Hidden.Data, tile.Rows(p.Hidden, 1), scratch);
            for (int i = Group.IdxX; i < PackedLayout.PanelRows * WeightView.TokenTile; i += TPlatform.GroupSize)
            {
                if (i >> 4 < tile.Count)
                {
                    int slot = tile.Slot(i >> 4);
                    int token = slot / p.Chosen;
                    float weight = p.Weights.Data[p.Weights.Row(token) + slot - token * p.Chosen];
                    int at = ((token - firstToken) << 4) + (i & 15);
                    sums[at] = Fused.MultiplyAdd(weight, scratch[(i & 15) * (TPlatform.GroupSize >> 2)].At(i >> 4), sums[at]);
                }
            }

            // After the inner loop: ILGPU assigns a variable of an outer loop in the header of an inner one that follows, at every turn.
            position += tile.Count;
        }

        Group.Barrier();
        for (int i = Group.IdxX; i < elements; i += TPlatform.GroupSize)
        {
            int row = (Grid.IdxX << 4) + (i & 15);
            if (row < p.Down.Rows)
            {
                p.Y.Data[p.Y.Row(firstToken + (i >> 4)) + row] += sums[i];
            }
        }
    }

    private static int End(int begin, int length, int limit) => begin + length < limit ? begin + length : limit;
}
