using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// One tile of causal attention to keys and values in a row a position. With s_j = scale * q . k_j over the positions j of the tile,
/// ContextStart + j &lt;= Positions[t]: state [tokens, H * 2] carries the running maximum m of s and the sum of exp(s - m)
/// from tile to tile, heads [tokens, H * v] the sum of exp(s - m) v_j, divided by the sum after the last tile.
/// keyValues [ContextCount, row]; sharedKeys [ContextCount, shared key], the end of every head's key.
/// Grid: (H, ceil(tokens / 32)); a group a head of 32 tokens, which share the keys and values in shared memory.
/// </summary>
internal static class ExpandedAttention
{
    /// <summary>Quads of shared memory for keys: sixteen of R1's, 192 values each.</summary>
    private const int KeyQuads = 16 * (192 / 4 + 1);

    /// <summary>Threads, as a power of two, that each take eight of the tokens for the same values.</summary>
    private const int RowGroupShift = 2;

    public struct Parameters
    {
        public required RowView Q;
        public required RowView KeyValues;

        /// <summary>Any valid rows where there is no shared key.</summary>
        public required RowView SharedKeys;

        public required TokenView Tokens;
        public required RowView State;
        public required RowView Heads;
        public required AttentionSizes Sizes;
        public required int Count;
        public required int ContextStart;
        public required int ContextCount;

        /// <summary>1 if state and heads hold nothing yet.</summary>
        public required int First;

        /// <summary>1 if heads are to be divided by the sum.</summary>
        public required int Last;

        public required int AlignedQueries;
        public required int AlignedKeyValues;
        public required int AlignedHeads;
    }

    /// <summary>The widest key there is shared memory for.</summary>
    public static int MaxKey => (KeyQuads - 1) * 4;

    public static int TokenTiles(int tokens) => (int)((tokens + (1L << ExpandedTile.RowShift) - 1) >> ExpandedTile.RowShift);

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        AttentionTile tile = AttentionTile.Allocate<ExpandedTile, TPlatform>();
        ArrayView<Float4> keys = SharedMemory.Allocate<Float4>(KeyQuads);
        ArrayView<Float4> values = SharedMemory.Allocate<Float4>(1 << (ExpandedTile.PositionShift + TPlatform.AttentionShift - RowGroupShift));
        int head = Grid.IdxX;
        int token = Grid.IdxY << ExpandedTile.RowShift;
        int width = p.Sizes.Key + p.Sizes.SharedKey;
        TileQueries queries = new()
        {
            Data = p.Q.Data,
            First = p.Q.Row(token) + (long)head * width,
            Stride = p.Q.Stride,
            Rows = p.Count - token,
            Width = width,
            Aligned = p.AlignedQueries,
        };
        for (int row = Group.IdxX; row < 1 << ExpandedTile.RowShift; row += 1 << TPlatform.AttentionShift)
        {
            int of = token + (row < queries.Rows ? row : queries.Rows - 1);
            int seen = p.Tokens.Position(of) + 1 - p.ContextStart;
            tile.Seen[row] = seen < p.ContextCount ? seen : p.ContextCount;
        }

        Group.Barrier();
        int length = 0;
        for (int row = 0; row < 1 << ExpandedTile.RowShift; row++)
        {
            length = tile.Seen[row] > length ? tile.Seen[row] : length;
        }

        // A group has a quad of the values for each of its threads but one at a time; where they are more, it begins anew for the rest.
        int lanes = 1 << (TPlatform.AttentionShift - RowGroupShift);
        int columns = Quads.Count(p.Sizes.Value);
        for (int firstColumn = 0; firstColumn < columns; firstColumn += lanes)
        {
            Group.Barrier();
            for (int row = Group.IdxX; row < 1 << ExpandedTile.RowShift; row += 1 << TPlatform.AttentionShift)
            {
                LoadState(p, tile, token, queries.Rows, head, row);
            }

            Columns<TPlatform>(p, tile, queries, token, head, length, firstColumn, keys, values);
        }

        Group.Barrier();
        for (int row = Group.IdxX; row < 1 << ExpandedTile.RowShift; row += 1 << TPlatform.AttentionShift)
        {
            if (row < queries.Rows)
            {
                long at = p.State.Row(token + row) + head * 2;
                p.State.Data[at] = tile.Maxima[row];
                p.State.Data[at + 1] = tile.Sums[row];
            }
        }
    }

    private static void LoadState(Parameters p, AttentionTile tile, int token, int rows, int head, int row)
    {
        float maximum = float.NegativeInfinity;
        float sum = 0f;
        if (p.First == 0)
        {
            long at = p.State.Row(token + (row < rows ? row : rows - 1)) + head * 2;
            maximum = p.State.Data[at];
            sum = p.State.Data[at + 1];
        }

        tile.Maxima[row] = maximum;
        tile.Sums[row] = sum;
    }

    /// <summary>As many quads of the heads' values as there are threads for, from <paramref name="firstColumn"/> on.</summary>
    private static void Columns<TPlatform>(
        Parameters p, AttentionTile tile, TileQueries queries, int token, int head, int length, int firstColumn,
        ArrayView<Float4> keys, ArrayView<Float4> values)
        where TPlatform : struct, IPlatform
    {
        int laneShift = TPlatform.AttentionShift - RowGroupShift;
        int lane = Group.IdxX & ((1 << laneShift) - 1);
        int firstRow = Group.IdxX >> laneShift << 3;
        int columns = Quads.Count(p.Sizes.Value);
        int column = firstColumn + lane;
        int pitch = Quads.Count(queries.Width) | 1;
        int capacity = KeyQuads / pitch;
        capacity = capacity < 1 << ExpandedTile.PositionShift ? capacity : 1 << ExpandedTile.PositionShift;
        long output = p.Heads.Row(token + firstRow) + (long)head * p.Sizes.Value + (column << 2);
        int left = p.Sizes.Value - (column << 2);
        int rows = column < columns ? queries.Rows - firstRow : 0;
        TileValues sums = default;
        if (p.First == 0)
        {
            sums.Low = LoadRows(p, output, left, rows);
            sums.High = LoadRows(p, output + 4 * p.Heads.Stride, left, rows - 4);
        }

        for (int first = 0; first < length; first += capacity)
        {
            int positions = length - first < capacity ? length - first : capacity;
            Group.Barrier();
            Stage<TPlatform>(p, head, first, positions, firstColumn, pitch, keys, values);
            Group.Barrier();
            tile.Take<ExpandedTile, TPlatform>(queries, keys, pitch, first, positions, p.Sizes.Scale);
            sums = sums.Add<ExpandedTile>(tile, firstRow, values, lane, 1 << laneShift, positions);
        }

        // All sums of the softmax are complete.
        Group.Barrier();
        for (int row = 0; row < 8; row++)
        {
            if (row < rows)
            {
                Float4 value = sums.Row(row);
                if (p.Last == 1)
                {
                    value = Quads.Divide(value, tile.Sums[firstRow + row]);
                }

                Quads.Store(p.Heads.Data, output + row * p.Heads.Stride, left, p.AlignedHeads, value);
            }
        }
    }

    private static Float4x4 LoadRows(Parameters p, long at, int left, int rows) => new()
    {
        A = Quads.Load(p.Heads.Data, rows > 0 ? at : 0, rows > 0 ? left : 0, p.AlignedHeads),
        B = Quads.Load(p.Heads.Data, rows > 1 ? at + p.Heads.Stride : 0, rows > 1 ? left : 0, p.AlignedHeads),
        C = Quads.Load(p.Heads.Data, rows > 2 ? at + 2 * p.Heads.Stride : 0, rows > 2 ? left : 0, p.AlignedHeads),
        D = Quads.Load(p.Heads.Data, rows > 3 ? at + 3 * p.Heads.Stride : 0, rows > 3 ? left : 0, p.AlignedHeads),
    };

    /// <summary>Copies keys, the shared part after their own, and some columns of values of some positions to shared memory.</summary>
    private static void Stage<TPlatform>(
        Parameters p, int head, int position, int positions, int firstColumn, int pitch, ArrayView<Float4> keys, ArrayView<Float4> values)
        where TPlatform : struct, IPlatform
    {
        int laneShift = TPlatform.AttentionShift > ExpandedTile.PositionShift ? TPlatform.AttentionShift - ExpandedTile.PositionShift : 0;
        int lane = Group.IdxX & ((1 << laneShift) - 1);
        int valueLanes = 1 << (TPlatform.AttentionShift - RowGroupShift);
        int own = p.Sizes.Key;
        int width = own + p.Sizes.SharedKey;
        int part = head / p.Sizes.Group * p.Sizes.RowHead;
        for (int row = Group.IdxX >> laneShift; row < positions; row += 1 << (TPlatform.AttentionShift - laneShift))
        {
            long key = p.KeyValues.Row(position + row) + part;
            long shared = p.SharedKeys.Row(position + row) - own;
            for (int quad = lane; quad < Quads.Count(width); quad += 1 << laneShift)
            {
                keys[row * pitch + quad] = Key(p, key, shared, quad << 2, own, width);
            }

            for (int quad = lane; quad < valueLanes; quad += 1 << laneShift)
            {
                int column = (firstColumn + quad) << 2;
                if (column < p.Sizes.Value)
                {
                    values[row * valueLanes + quad]
                        = Quads.Load(p.KeyValues.Data, key + p.Sizes.ValueOffset + column, p.Sizes.Value - column, p.AlignedKeyValues);
                }
            }
        }
    }

    /// <summary>Four values of a key from <paramref name="column"/> on, of which the first are at key and those from own on at shared.</summary>
    private static Float4 Key(Parameters p, long key, long shared, int column, int own, int width)
    {
        if (p.AlignedKeyValues == 1)
        {
            return column < own
                ? Quads.Load(p.KeyValues.Data, key + column, 4, 1)
                : Quads.Load(p.SharedKeys.Data, shared + column, 4, 1);
        }

        return new Float4
        {
            X = KeyValue(p, key, shared, column, own, width),
            Y = KeyValue(p, key, shared, column + 1, own, width),
            Z = KeyValue(p, key, shared, column + 2, own, width),
            W = KeyValue(p, key, shared, column + 3, own, width),
        };
    }

    private static float KeyValue(Parameters p, long key, long shared, int column, int own, int width)
    {
        if (column >= width)
        {
            return 0f;
        }

        return column < own ? p.KeyValues.Data[key + column] : p.SharedKeys.Data[shared + column];
    }
}
