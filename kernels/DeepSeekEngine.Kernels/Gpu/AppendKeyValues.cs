using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>What a projection's heads go through before they are rotated. Where there is no bias or norm, its view is any valid one.</summary>
internal struct HeadView
{
    public required ArrayView<float> Bias;
    public required int HasBias;
    public required ArrayView<float> Norm;
    public required int HasNorm;
    public required float Epsilon;

    /// <summary>A value with its bias.</summary>
    public readonly float Load(ArrayView<float> xs, long x, int column) => HasBias == 1 ? xs[x] + Bias[column] : xs[x];
}

/// <summary>
/// Completes the projected heads of grouped-query attention: a query, in place, and a key become rope(RMSNorm(x + bias)), a value x + bias;
/// keys and values go to the cache row of the token's position. q [tokens, H * key], k [tokens, G * key], v [tokens, G * value]; pairs are
/// rotated by halves (<see cref="Rope"/>). Grid: (H + 2 G, tokens); a group a head of queries, then of keys, then of values.
/// </summary>
internal static class AppendKeyValues
{
    public struct Parameters
    {
        public required RowView Q;
        public required RowView K;
        public required RowView V;
        public required HeadView QueryHeads;
        public required HeadView KeyHeads;
        public required HeadView ValueHeads;
        public required ArrayView<float> Rope;
        public required TokenView Tokens;
        public required RowView Cache;
        public required AttentionSizes Sizes;

        /// <summary>1 where row t of Cache is the token's own, which <see cref="StoreCache"/> takes to the cache.</summary>
        public required int Staged;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxY;
        int head = Grid.IdxX;
        int key = p.Sizes.Key;
        int position = p.Tokens.Position(token);
        long angles = (long)position * key;
        if (head < p.Sizes.Heads)
        {
            long query = p.Q.Row(token) + (long)head * key;
            Turn<TPlatform>(p.QueryHeads, p.Q.Data, query, head * key, key, p.Rope, angles, p.Q.Data, query, scratch);
            return;
        }

        head -= p.Sizes.Heads;
        long row = p.Cache.Row(p.Staged == 1 ? token : p.Tokens.CacheRow(token, position));
        if (head < p.Sizes.KeyValueHeads)
        {
            long to = row + (long)head * p.Sizes.RowHead;
            Turn<TPlatform>(
                p.KeyHeads, p.K.Data, p.K.Row(token) + (long)head * key, head * key, key, p.Rope, angles, p.Cache.Data, to, scratch);
            return;
        }

        head -= p.Sizes.KeyValueHeads;
        long value = p.V.Row(token) + (long)head * p.Sizes.Value;
        long stored = row + (long)head * p.Sizes.RowHead + p.Sizes.ValueOffset;
        for (int i = Group.IdxX; i < p.Sizes.Value; i += TPlatform.GroupSize)
        {
            p.Cache.Data[stored + i] = p.ValueHeads.Load(p.V.Data, value + i, head * p.Sizes.Value + i);
        }
    }

    /// <summary>Brings the head at x to y, which may be x; to be called by all threads of a group.</summary>
    private static void Turn<TPlatform>(
        HeadView view, ArrayView<float> xs, long x, int firstColumn, int width, ArrayView<float> rope, long angles,
        ArrayView<float> ys, long y, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        int half = width >> 1;
        NormScale scale = default;
        if (view.HasNorm == 1)
        {
            float squares = 0f;
            for (int i = Group.IdxX; i < width; i += TPlatform.GroupSize)
            {
                float value = view.Load(xs, x + i, firstColumn + i);
                squares = Fused.MultiplyAdd(value, value, squares);
            }

            scale = RmsNorm.ScaleOf(GroupReduce.All<float, Sum, TPlatform>(squares, scratch), width, view.Epsilon);
        }

        for (int i = Group.IdxX; i < half; i += TPlatform.GroupSize)
        {
            float a = view.Load(xs, x + i, firstColumn + i);
            float b = view.Load(xs, x + half + i, firstColumn + half + i);
            if (view.HasNorm == 1)
            {
                a = RmsNorm.Apply(view.Norm[i], scale, a);
                b = RmsNorm.Apply(view.Norm[half + i], scale, b);
            }

            float cos = rope[angles + i];
            float sin = rope[angles + half + i];
            ys[y + i] = Rope.First(a, b, cos, sin);
            ys[y + half + i] = Rope.Second(a, b, cos, sin);
        }
    }
}
