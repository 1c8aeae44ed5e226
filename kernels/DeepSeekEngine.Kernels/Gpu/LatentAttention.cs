using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Absorbed multi-head latent attention over the paged cache:
/// context[t, h] = sum_j softmax_j(scale * absorbed[t, h] . cache[j]) cache[j, :c]
/// over the positions j &lt;= Positions[t] of the token's sequence; absorbed [tokens, H * (c + r)], context [tokens, H * c].
/// Grid: (H, tokens); a group a head of a token.
/// </summary>
internal static class LatentAttention
{
    public struct Parameters
    {
        public required RowView Absorbed;
        public required RowView Cache;
        public required TokenView Tokens;
        public required RowView Context;
        public required MlaSizes Sizes;
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
        int width = p.Sizes.Latent + p.Sizes.Rope;
        int length = p.Tokens.Position(token) + 1;
        long query = p.Absorbed.Row(token) + head * width;
        long context = p.Context.Row(token) + head * p.Sizes.Latent;

        SoftmaxState state = OnlineSoftmax.Empty;
        int empty = 1;
        for (int start = 0; start < length; start += TPlatform.GroupSize)
        {
            int position = start + Group.IdxX;
            float score = float.NegativeInfinity;
            long row = 0;
            if (position < length)
            {
                row = p.Cache.Row(p.Tokens.CacheRow(token, position));
                score = p.Sizes.Scale * OnlineSoftmax.Dot(p.Absorbed.Data, query, p.Cache.Data, row, width);
            }

            int tile = length - start < TPlatform.GroupSize ? length - start : TPlatform.GroupSize;
            state = OnlineSoftmax.Accumulate<TPlatform>(
                state, empty, score, row, tile, p.Cache.Data, p.Sizes.Latent, p.Context.Data, context, weights, rows, scratch);
            empty = 0;
        }

        OnlineSoftmax.Normalize<TPlatform>(state, p.Sizes.Latent, p.Context.Data, context);
    }
}
