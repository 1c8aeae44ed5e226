using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Absorbed multi-head latent attention over the paged cache, divided over positions:
/// context[t, h] = sum_j softmax_j(scale * absorbed[t, h] . cache[j]) cache[j, :c]
/// over the positions j &lt;= Positions[t] of the token's sequence; absorbed [tokens, H * (c + r)], context [tokens, H * c].
/// Two launches: <see cref="Split"/> leaves for each token, split and head a part: the largest score m and the sum of exp(s - m) in its
/// first quad, then the sum of exp(s - m) cache[j, :c]; <see cref="Join"/> joins a token's parts in ascending order.
/// </summary>
internal static class LatentAttention
{
    /// <summary>Quads of shared memory for cache rows: eight of R1's, 576 values each.</summary>
    private const int CacheQuads = 8 * (576 / 4 + 1);

    private const int MaxJoinShift = 3;

    public struct Parameters
    {
        public required RowView Absorbed;
        public required RowView Cache;
        public required TokenView Tokens;

        /// <summary>[tokens, Splits, H, 1 + ceil(c / 4)].</summary>
        public required ArrayView<Float4> Parts;

        public required MlaSizes Sizes;

        /// <summary>Splits there is room for a token.</summary>
        public required int Splits;

        /// <summary>Splits a token of this shape has at most.</summary>
        public required int MostSplits;

        public required int AlignedQueries;
        public required int AlignedCache;
    }

    public struct JoinParameters
    {
        public required ArrayView<Float4> Parts;
        public required TokenView Tokens;
        public required RowView Context;
        public required MlaSizes Sizes;
        public required int Splits;
        public required int MostSplits;
        public required int AlignedContext;
    }

    /// <summary>The widest cache row there is shared memory for.</summary>
    public static int MaxCacheRow => (CacheQuads - 1) * 4;

    public static int HeadTiles(int heads) => (heads + (1 << LatentTile.RowShift) - 1) >> LatentTile.RowShift;

    /// <summary>Groups of 2^shift threads that share the columns of a head tile's context.</summary>
    public static int ColumnTiles(int latent, int shift) => (Quads.Count(latent) + (1 << shift) - 1) >> shift;

    /// <summary>Groups of 2^shift threads that share the columns of a head's context while parts are joined.</summary>
    public static int JoinTiles(int latent, int shift) => ColumnTiles(latent, shift - JoinShift(shift));

    /// <summary>Grid: (head tiles * column tiles, tokens, splits); a group sixteen heads, and as many quads of the context as threads.</summary>
    [GpuKernel]
    public static void Split<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        AttentionTile tile = AttentionTile.Allocate<LatentTile, TPlatform>();
        ArrayView<Float4> cache = SharedMemory.Allocate<Float4>(CacheQuads);
        int token = Grid.IdxY;
        int position = p.Tokens.Position(token);
        int splitLength = LatentSplits.Length(position, p.MostSplits);
        int start = Grid.IdxZ * splitLength;
        int length = position + 1 - start;
        if (length <= 0)
        {
            return;
        }

        length = length < splitLength ? length : splitLength;
        int headTiles = HeadTiles(p.Sizes.Heads);
        int columnTile = Grid.IdxX / headTiles;
        int firstHead = (Grid.IdxX - columnTile * headTiles) << LatentTile.RowShift;
        int width = p.Sizes.Latent + p.Sizes.Rope;
        int pitch = Quads.Count(width) | 1;
        int capacity = CacheQuads / pitch;
        capacity = capacity < 1 << LatentTile.PositionShift ? capacity : 1 << LatentTile.PositionShift;
        int column = (columnTile << TPlatform.AttentionShift) + Group.IdxX;
        int columns = Quads.Count(p.Sizes.Latent);
        TileQueries queries = new()
        {
            Data = p.Absorbed.Data,
            First = p.Absorbed.Row(token) + (long)firstHead * width,
            Stride = width,
            Rows = p.Sizes.Heads - firstHead,
            Width = width,
            Aligned = p.AlignedQueries,
        };
        for (int row = Group.IdxX; row < 1 << LatentTile.RowShift; row += 1 << TPlatform.AttentionShift)
        {
            tile.Maxima[row] = float.NegativeInfinity;
            tile.Sums[row] = 0f;
            tile.Seen[row] = length;
        }

        TileValues low = default;
        TileValues high = default;
        for (int first = 0; first < length; first += capacity)
        {
            int positions = length - first < capacity ? length - first : capacity;

            // The tile before has been read, and Seen written.
            Group.Barrier();
            Stage<TPlatform>(p, token, start + first, positions, cache, pitch);
            Group.Barrier();
            tile.Take<LatentTile, TPlatform>(queries, cache, pitch, first, positions, p.Sizes.Scale);
            if (column < columns)
            {
                low = low.Add<LatentTile>(tile, 0, cache, column, pitch, positions);
                high = high.Add<LatentTile>(tile, 8, cache, column, pitch, positions);
            }
        }

        Group.Barrier();
        long part = (((long)token * p.Splits + Grid.IdxZ) * p.Sizes.Heads + firstHead) * (columns + 1);
        if (column < columns)
        {
            for (int row = 0; row < 8; row++)
            {
                if (row < queries.Rows)
                {
                    p.Parts[part + row * (columns + 1) + 1 + column] = low.Row(row);
                }

                if (row + 8 < queries.Rows)
                {
                    p.Parts[part + (row + 8) * (columns + 1) + 1 + column] = high.Row(row);
                }
            }
        }

        for (int row = Group.IdxX; row < 1 << LatentTile.RowShift; row += 1 << TPlatform.AttentionShift)
        {
            if (columnTile == 0 && row < queries.Rows)
            {
                p.Parts[part + row * (columns + 1)] = new Float4 { X = tile.Maxima[row], Y = tile.Sums[row] };
            }
        }
    }

    /// <summary>
    /// context[t, h, :] = sum_s exp(m_s - m) part_s / sum_s exp(m_s - m) l_s, m the largest m_s. Grid: (H, tokens, column tiles);
    /// neighbouring threads neighbouring quads of the context, the others further splits of them.
    /// </summary>
    [GpuKernel]
    public static void Join<TPlatform>(JoinParameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> weights = SharedMemory.Allocate<float>(LatentSplits.MostOfFewHeads);
        ArrayView<float> sums = SharedMemory.Allocate<float>(LatentSplits.MostOfFewHeads);
        ArrayView<Float4> values = SharedMemory.Allocate<Float4>(1 << TPlatform.AttentionShift);
        int head = Grid.IdxX;
        int token = Grid.IdxY;
        int columns = Quads.Count(p.Sizes.Latent);
        int splits = LatentSplits.Count(p.Tokens.Position(token), p.MostSplits);
        long stride = (long)p.Sizes.Heads * (columns + 1);
        long part = (long)token * p.Splits * stride + (long)head * (columns + 1);
        for (int split = Group.IdxX; split < splits; split += 1 << TPlatform.AttentionShift)
        {
            Float4 state = p.Parts[part + split * stride];
            weights[split] = state.X;
            sums[split] = state.Y;
        }

        Group.Barrier();
        float maximum = float.NegativeInfinity;
        for (int split = 0; split < splits; split++)
        {
            maximum = Maximum.Combine(maximum, weights[split]);
        }

        Group.Barrier();
        for (int split = Group.IdxX; split < splits; split += 1 << TPlatform.AttentionShift)
        {
            weights[split] = XMath.Exp(weights[split] - maximum);
        }

        Group.Barrier();
        int laneShift = TPlatform.AttentionShift - JoinShift(TPlatform.AttentionShift);
        int lane = Group.IdxX & ((1 << laneShift) - 1);
        int column = (Grid.IdxZ << laneShift) + lane;
        int read = column < columns ? column : 0;
        Float4 value = default;
        for (int split = Group.IdxX >> laneShift; split < splits; split += 1 << JoinShift(TPlatform.AttentionShift))
        {
            value = Quads.AddScaled(value, weights[split], p.Parts[part + split * stride + 1 + read]);
        }

        values[Group.IdxX] = value;
        Group.Barrier();
        if (Group.IdxX < 1 << laneShift && column < columns)
        {
            for (int other = lane + (1 << laneShift); other < 1 << TPlatform.AttentionShift; other += 1 << laneShift)
            {
                value += values[other];
            }

            float sum = 0f;
            for (int split = 0; split < splits; split++)
            {
                sum = Fused.MultiplyAdd(weights[split], sums[split], sum);
            }

            Quads.Store(
                p.Context.Data, p.Context.Row(token) + (long)head * p.Sizes.Latent + (column << 2), p.Sizes.Latent - (column << 2),
                p.AlignedContext, Quads.Divide(value, sum));
        }
    }

    /// <summary>The binary logarithm of the threads of 2^shift that divide the splits of a quad among them.</summary>
    private static int JoinShift(int shift) => shift < MaxJoinShift ? shift : MaxJoinShift;

    /// <summary>Copies the cache rows of some positions to shared memory: a row by neighbouring threads, each row by others.</summary>
    private static void Stage<TPlatform>(Parameters p, int token, int position, int positions, ArrayView<Float4> cache, int pitch)
        where TPlatform : struct, IPlatform
    {
        int laneShift = TPlatform.AttentionShift > LatentTile.PositionShift ? TPlatform.AttentionShift - LatentTile.PositionShift : 0;
        int lane = Group.IdxX & ((1 << laneShift) - 1);
        int width = p.Sizes.Latent + p.Sizes.Rope;
        for (int row = Group.IdxX >> laneShift; row < positions; row += 1 << (TPlatform.AttentionShift - laneShift))
        {
            long from = p.Cache.Row(p.Tokens.CacheRow(token, position + row));
            for (int quad = lane; quad < Quads.Count(width); quad += 1 << laneShift)
            {
                cache[row * pitch + quad] = Quads.Load(p.Cache.Data, from + (quad << 2), width - (quad << 2), p.AlignedCache);
            }
        }
    }
}
