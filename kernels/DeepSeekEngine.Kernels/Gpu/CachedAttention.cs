using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Attention to keys and values in the rows of the paged cache, divided over positions:
/// context[t, h] = sum_j softmax_j(scale * queries[t, h] . key_j) value_j
/// over the positions j &lt;= Positions[t] of the token's sequence, keys and values those of the head's key-value head;
/// queries [tokens, H * key], context [tokens, H * value].
/// Two launches: <see cref="Split"/> leaves for each token, split and head a part: the largest score m and the sum of exp(s - m) in its
/// first quad, then the sum of exp(s - m) value_j; <see cref="Join"/> joins a token's parts in ascending order.
/// </summary>
internal static class CachedAttention
{
    /// <summary>Quads of shared memory for cache rows: eight of R1's, 576 values each.</summary>
    private const int CacheQuads = 8 * (576 / 4 + 1);

    private const int MaxJoinShift = 3;

    public struct Parameters
    {
        public required RowView Queries;
        public required CacheView Cache;
        public required TokenView Tokens;

        /// <summary>[tokens, Splits, H, 1 + ceil(value / 4)].</summary>
        public required ArrayView<Float4> Parts;

        public required AttentionSizes Sizes;

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
        public required AttentionSizes Sizes;
        public required int Splits;
        public required int MostSplits;
        public required int AlignedContext;
    }

    /// <summary>Values of a head's part of a row, those up to a multiple of four of key and value included, that there is shared memory for.</summary>
    public static int MaxRow => (CacheQuads - 1) * 4;

    /// <summary>Groups that share the heads, none of which has heads of two key-value heads.</summary>
    public static int HeadTiles(in AttentionShape shape) => shape.KeyValueHeads * TilesOfGroup(shape.Group);

    /// <summary>Groups of 2^shift threads that share the columns of a head tile's context.</summary>
    public static int ColumnTiles(int value, int shift) => (Quads.Count(value) + (1 << shift) - 1) >> shift;

    /// <summary>Groups of 2^shift threads that share the columns of a head's context while parts are joined.</summary>
    public static int JoinTiles(int value, int shift) => ColumnTiles(value, shift - JoinShift(shift));

    /// <summary>Quads of shared memory a row takes: its key and, unless that is the beginning of the key, its value.</summary>
    public static int RowQuads(in AttentionShape shape)
        => Quads.Count(shape.Key) + (shape.ValueOffset == 0 ? 0 : Quads.Count(shape.Value));

    /// <summary>Grid: (head tiles * column tiles, tokens, splits); a group sixteen heads, and as many quads of the context as threads.</summary>
    [GpuKernel]
    public static void Split<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        AttentionTile tile = AttentionTile.Allocate<CachedTile, TPlatform>();
        ArrayView<Float4> cache = SharedMemory.Allocate<Float4>(CacheQuads);
        int token = Grid.IdxY;
        int position = p.Tokens.Position(token);
        int splitLength = AttentionSplits.Length(position, p.MostSplits);
        int start = Grid.IdxZ * splitLength;
        int length = position + 1 - start;
        if (length <= 0)
        {
            return;
        }

        length = length < splitLength ? length : splitLength;
        int tilesOfGroup = TilesOfGroup(p.Sizes.Group);
        int headTiles = p.Sizes.KeyValueHeads * tilesOfGroup;
        int columnTile = Grid.IdxX / headTiles;
        int headTile = Grid.IdxX - columnTile * headTiles;
        int keyValueHead = headTile / tilesOfGroup;
        int headOfGroup = (headTile - keyValueHead * tilesOfGroup) << CachedTile.RowShift;
        int firstHead = keyValueHead * p.Sizes.Group + headOfGroup;
        int width = p.Sizes.Key;
        int firstValue = p.Sizes.ValueOffset == 0 ? 0 : Quads.Count(width);
        int rowQuads = firstValue == 0 ? Quads.Count(width) : firstValue + Quads.Count(p.Sizes.Value);
        int pitch = rowQuads | 1;
        int capacity = CacheQuads / pitch;
        capacity = capacity < 1 << CachedTile.PositionShift ? capacity : 1 << CachedTile.PositionShift;
        int column = (columnTile << TPlatform.AttentionShift) + Group.IdxX;
        int columns = Quads.Count(p.Sizes.Value);
        TileQueries queries = new()
        {
            Data = p.Queries.Data,
            First = p.Queries.Row(token) + (long)firstHead * width,
            Stride = width,
            Rows = p.Sizes.Group - headOfGroup,
            Width = width,
            Aligned = p.AlignedQueries,
        };
        for (int row = Group.IdxX; row < 1 << CachedTile.RowShift; row += 1 << TPlatform.AttentionShift)
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
            if (p.Cache.Precision == (int)CachePrecision.Float32)
            {
                Stage<Float32Cache, TPlatform>(p, token, start + first, positions, keyValueHead, rowQuads, cache, pitch);
            }
            else if (p.Cache.Precision == (int)CachePrecision.BFloat16)
            {
                Stage<BFloat16Cache, TPlatform>(p, token, start + first, positions, keyValueHead, rowQuads, cache, pitch);
            }
            else
            {
                Stage<Int8Cache, TPlatform>(p, token, start + first, positions, keyValueHead, rowQuads, cache, pitch);
            }

            Group.Barrier();
            tile.Take<CachedTile, TPlatform>(queries, cache, pitch, first, positions, p.Sizes.Scale);
            if (column < columns)
            {
                low = low.Add<CachedTile>(tile, 0, cache, firstValue + column, pitch, positions);

                // Of the few heads of a group, there are often no more than eight.
                if (queries.Rows > 8)
                {
                    high = high.Add<CachedTile>(tile, 8, cache, firstValue + column, pitch, positions);
                }
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

        for (int row = Group.IdxX; row < 1 << CachedTile.RowShift; row += 1 << TPlatform.AttentionShift)
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
        ArrayView<float> weights = SharedMemory.Allocate<float>(AttentionSplits.MostOfFewHeads);
        ArrayView<float> sums = SharedMemory.Allocate<float>(AttentionSplits.MostOfFewHeads);
        ArrayView<Float4> values = SharedMemory.Allocate<Float4>(1 << TPlatform.AttentionShift);
        int head = Grid.IdxX;
        int token = Grid.IdxY;
        int columns = Quads.Count(p.Sizes.Value);
        int splits = AttentionSplits.Count(p.Tokens.Position(token), p.MostSplits);
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
                p.Context.Data, p.Context.Row(token) + (long)head * p.Sizes.Value + (column << 2), p.Sizes.Value - (column << 2),
                p.AlignedContext, Quads.Divide(value, sum));
        }
    }

    /// <summary>The binary logarithm of the threads of 2^shift that divide the splits of a quad among them.</summary>
    private static int JoinShift(int shift) => shift < MaxJoinShift ? shift : MaxJoinShift;

    private static int TilesOfGroup(int group) => (group + (1 << CachedTile.RowShift) - 1) >> CachedTile.RowShift;

    /// <summary>
    /// Copies a key-value head's part of the cache rows of some positions to shared memory, key and value each from a quad's beginning on: a
    /// row by neighbouring threads, each row by others.
    /// </summary>
    private static void Stage<TFormat, TPlatform>(
        Parameters p, int token, int position, int positions, int head, int rowQuads, ArrayView<Float4> cache, int pitch)
        where TFormat : struct, ICacheFormat
        where TPlatform : struct, IPlatform
    {
        int laneShift = TPlatform.AttentionShift > CachedTile.PositionShift ? TPlatform.AttentionShift - CachedTile.PositionShift : 0;
        int lane = Group.IdxX & ((1 << laneShift) - 1);
        int keyQuads = Quads.Count(p.Sizes.Key);
        for (int row = Group.IdxX >> laneShift; row < positions; row += 1 << (TPlatform.AttentionShift - laneShift))
        {
            long from = p.Cache.Rows.Row(p.Tokens.CacheRow(token, position + row));
            for (int quad = lane; quad < keyQuads; quad += 1 << laneShift)
            {
                cache[row * pitch + quad] = Load<TFormat>(p, from, head, quad << 2, p.Sizes.Key);
            }

            for (int quad = keyQuads + lane; quad < rowQuads; quad += 1 << laneShift)
            {
                int column = p.Sizes.ValueOffset + ((quad - keyQuads) << 2);
                cache[row * pitch + quad] = Load<TFormat>(p, from, head, column, p.Sizes.RowHead);
            }
        }
    }

    /// <summary>Four values of a part, zero from <paramref name="end"/> on.</summary>
    private static Float4 Load<TFormat>(Parameters p, long row, int head, int column, int end)
        where TFormat : struct, ICacheFormat
    {
        if (p.AlignedCache == 1)
        {
            return TFormat.Quad(p.Cache, row, head, column);
        }

        return new()
        {
            X = TFormat.Value(p.Cache, row, head, column),
            Y = column + 1 < end ? TFormat.Value(p.Cache, row, head, column + 1) : 0f,
            Z = column + 2 < end ? TFormat.Value(p.Cache, row, head, column + 2) : 0f,
            W = column + 3 < end ? TFormat.Value(p.Cache, row, head, column + 3) : 0f,
        };
    }
}
