using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// One tile of causal attention over expanded keys and values. With s_j = scale * (q_nope . k_nope_j + q_pe . k_pe_j) over the positions
/// j of the tile, ContextStart + j &lt;= Positions[t]: state [tokens, H * 2] carries the running maximum m of s and the sum of exp(s - m)
/// from tile to tile, heads [tokens, H * v] the sum of exp(s - m) v_j, divided by the sum after the last tile.
/// keyValues [ContextCount, H * (n + v)], a head's key before its value; latents [ContextCount, c + r], k_pe its last r columns.
/// Grid: (H, tokens); a group a head of a token.
/// </summary>
internal static class ExpandedAttention
{
    public struct Parameters
    {
        public required RowView Q;
        public required RowView KeyValues;
        public required RowView Latents;
        public required TokenView Tokens;
        public required RowView State;
        public required RowView Heads;
        public required MlaSizes Sizes;
        public required int ContextStart;
        public required int ContextCount;

        /// <summary>1 if state and heads hold nothing yet.</summary>
        public required int First;

        /// <summary>1 if heads are to be divided by the sum.</summary>
        public required int Last;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        ArrayView<float> weights = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        ArrayView<long> rows = SharedMemory.Allocate<long>(TPlatform.GroupSize);
        int head = Grid.IdxX;
        int token = Grid.IdxY;
        int nope = p.Sizes.Nope;
        int rope = p.Sizes.Rope;
        int seen = p.Tokens.Position(token) + 1 - p.ContextStart;
        int length = seen < p.ContextCount ? seen : p.ContextCount;
        long query = p.Q.Row(token) + head * (nope + rope);
        long output = p.Heads.Row(token) + head * p.Sizes.Value;
        long carried = p.State.Row(token) + head * 2;

        SoftmaxState state = OnlineSoftmax.Empty;
        if (p.First == 0)
        {
            state.Maximum = p.State.Data[carried];
            state.Sum = p.State.Data[carried + 1];
        }

        int empty = p.First;
        for (int start = 0; start < length; start += TPlatform.GroupSize)
        {
            int position = start + Group.IdxX;
            float score = float.NegativeInfinity;
            long row = 0;
            if (position < length)
            {
                long key = p.KeyValues.Row(position) + head * (nope + p.Sizes.Value);
                long rotated = p.Latents.Row(position) + p.Sizes.Latent;
                row = key + nope;
                score = p.Sizes.Scale * (OnlineSoftmax.Dot(p.Q.Data, query, p.KeyValues.Data, key, nope)
                    + OnlineSoftmax.Dot(p.Q.Data, query + nope, p.Latents.Data, rotated, rope));
            }

            int tile = length - start < TPlatform.GroupSize ? length - start : TPlatform.GroupSize;
            state = OnlineSoftmax.Accumulate<TPlatform>(
                state, empty, score, row, tile, p.KeyValues.Data, p.Sizes.Value, p.Heads.Data, output, weights, rows, scratch);
            empty = 0;
        }

        if (p.Last == 1)
        {
            OnlineSoftmax.Normalize<TPlatform>(state, p.Sizes.Value, p.Heads.Data, output);
        }

        // Without a position in the tile no barrier separates this from the other threads' reads, and nothing has changed.
        if (length > 0 && Group.IdxX == 0)
        {
            p.State.Data[carried] = state.Maximum;
            p.State.Data[carried + 1] = state.Sum;
        }
    }
}
