using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t] += sum_i w[t, i] (silu(x[t] Wgate_e^T) * (x[t] Wup_e^T)) Wdown_e^T, e = ids[t, i] (DeepSeek-V3, arXiv:2412.19437, equation 12).
/// Launched after <see cref="ExpertOrder"/>: <see cref="Hidden"/> fills hidden [tokens * k, intermediate], then <see cref="Down"/> sums
/// over a token's experts in ascending order of their ids. Tokens of a block that chose the same expert share its decoded weights.
/// Shared experts, which all tokens have, are one more matrix each; their sum is added last, as <see cref="Linear"/> would.
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

        /// <summary>Any valid views, as what follows, where there are no shared experts.</summary>
        public required WeightView SharedGate;

        public required WeightView SharedUp;
        public required RowView SharedHidden;

        /// <summary>Groups in x, after the slots, that a tile of tokens has for the panels of the shared experts.</summary>
        public required int SharedGroups;
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
        public required WeightView SharedDown;
        public required RowView SharedHidden;
        public required int HasShared;
    }

    /// <summary>
    /// hidden[t * k + i, j] = silu(x[t] . Wgate_e[j]) * (x[t] . Wup_e[j]), and the same of the shared experts.
    /// Grid: (slots + tiles of tokens * SharedGroups, panels of Wgate); a group a panel and a tile of tokens of one expert, those at whose
    /// position no tile begins having nothing to do.
    /// </summary>
    [GpuKernel]
    public static void Hidden<TWeight, TPlatform>(HiddenParameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> gates = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        ArrayView<Float4> ups = SharedMemory.Allocate<Float4>(PanelProduct.ScratchLength(TPlatform.GroupSize));
        int position = Grid.IdxX;
        int panel = Grid.IdxY;
        int share = p.Chosen;
        WeightView gate = p.Gate;
        WeightView up = p.Up;
        RowView hidden = p.Hidden;
        SlotTile tile;
        if (position < p.Slots)
        {
            if ((p.Order[(long)position * 2 + 1] & (WeightView.TokenTile - 1)) != 0)
            {
                return;
            }

            tile = SlotTile.At(p.Ids, p.Order, position, End(position - position % p.BlockSlots, p.BlockSlots, p.Slots));
        }
        else
        {
            int index = (position - p.Slots) / p.SharedGroups;
            panel += (position - p.Slots - index * p.SharedGroups) * p.Gate.Panels;
            if (panel >= p.SharedGate.Panels)
            {
                return;
            }

            tile = SlotTile.OfTokens(index * WeightView.TokenTile, p.Slots / p.Chosen);
            share = 1;
            gate = p.SharedGate;
            up = p.SharedUp;
            hidden = p.SharedHidden;
        }

        TokenTile tokens = tile.Rows(p.X, share);
        PanelProduct.Run<TWeight, TPlatform>(gate, tile.Expert, panel, p.X.Data, tokens, gates);
        PanelProduct.Run<TWeight, TPlatform>(up, tile.Expert, panel, p.X.Data, tokens, ups);
        SwiGlu.Store<TPlatform>(gates, ups, hidden, tile, panel, gate.Rows);
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

        if (p.HasShared == 1)
        {
            int tokenEnd = end / p.Chosen;
            for (int token = firstToken; token < tokenEnd; token += WeightView.TokenTile)
            {
                // Its barriers separate what is added from what was added above.
                TokenTile tokens = TokenTile.Following(p.SharedHidden, token, tokenEnd);
                PanelProduct.Run<TWeight, TPlatform>(p.SharedDown, 0, Grid.IdxX, p.SharedHidden.Data, tokens, scratch);
                Linear.Store<TPlatform>(scratch, p.Y, token, tokens.Count, Grid.IdxX, p.SharedDown.Rows, 1);
            }
        }
    }

    private static int End(int begin, int length, int limit) => begin + length < limit ? begin + length : limit;
}
