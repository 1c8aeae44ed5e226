using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// context[t, h] = sum_j softmax_j(scale * queries[t, h] . key_j) value_j over positions j &lt;= position of t, keys and values those of the
/// head's key-value head in the rows of a cache; queries [count, H * key], context [count, H * value]. A task is a split of a token's
/// positions and a group of heads of one key-value head, which together read the split's rows once. A token of one split is finished
/// here; the others' partial results are joined by <see cref="JoinSplitsJob"/>. Where there are functions for it, products are of bfloat16.
/// A cache that is kept as what products are of is read where it lies; of any other a block at a time is brought to that.
/// </summary>
internal readonly unsafe struct CachedAttentionJob : IParallelJob
{
    /// <summary>Heads a task has at most: their queries, contexts and a block of the cache share a second-level cache.</summary>
    public const int MaxHeadGroup = 32;

    public required Rows Queries { get; init; }

    public required CacheRows Cache { get; init; }

    public required TokenView Tokens { get; init; }

    public required AttentionShape Shape { get; init; }

    public required Rows Context { get; init; }

    public required AttentionSplits Splits { get; init; }

    public required int HeadGroup { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public required BFloat16AttentionFunctions BFloat16 { get; init; }

    public int Tasks => checked(Splits.Total * GroupsPerSplit(Shape, HeadGroup));

    /// <summary>Whether the cache is not kept as what products are of.</summary>
    private bool Decodes => Cache.Layout.Precision != (BFloat16.Scores != null ? CachePrecision.BFloat16 : CachePrecision.Float32);

    /// <summary>Memory of a worker, that of a decoded block last.</summary>
    public static long ScratchBytes(in CacheLayout layout)
        => BlockOffset(layout.Shape) + (layout.Precision == CachePrecision.Float32 ? 0 : DecodedRows.ByteLength(layout.Shape.RowHead));

    private static long BlockOffset(in AttentionShape shape) => Math.Max(
        (long)MaxHeadGroup * shape.Key * sizeof(float),
        PackedBytes(shape) + BFloat16AttentionBlock.ByteLength(shape.Key, shape.Value));

    /// <summary>Tasks a split is divided into where a task has so many heads.</summary>
    public static int GroupsPerSplit(in AttentionShape shape, int headGroup)
        => shape.KeyValueHeads * ((shape.Group + headGroup - 1) / headGroup);

    /// <summary>Of the queries in bfloat16.</summary>
    private static long PackedBytes(in AttentionShape shape)
        => (long)MaxHeadGroup / BFloat16AttentionBlock.Queries * BFloat16AttentionBlock.PackedLength(shape.Key) * sizeof(uint);

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scores = stackalloc float[QueryLanes.MaxRegisters * LaneWidths.MaxLanes * QueryLanes.Block];
        float** rows = stackalloc float*[2 * QueryLanes.Block];

        // Of each head of the group: the maximum, the sum and the decay.
        float* state = stackalloc float[3 * MaxHeadGroup];
        int groups = GroupsPerSplit(Shape, HeadGroup);
        int groupsOfHead = groups / Shape.KeyValueHeads;
        for (int task = start; task < end; task++)
        {
            int split = task / groups;
            int keyValueHead = task % groups / groupsOfHead;
            int headOfGroup = task % groupsOfHead * HeadGroup;
            int head = keyValueHead * Shape.Group + headOfGroup;
            int heads = Math.Min(HeadGroup, Shape.Group - headOfGroup);
            int token = Splits.Token(split);
            bool only = Splits.Count(token) == 1;
            float* context = (only ? Context[token] : Splits.Context(split)) + (long)head * Shape.Value;
            new Span<float>(state, MaxHeadGroup).Fill(QueryLanes.NoMaximum);
            new Span<float>(state + MaxHeadGroup, MaxHeadGroup).Clear();
            new Span<float>(context, heads * Shape.Value).Clear();
            if (BFloat16.Scores != null)
            {
                AttendBFloat16<TLanes>(split, token, head, heads, keyValueHead, context, rows, state, Scratch[worker]);
            }
            else
            {
                Attend<TLanes>(split, token, head, heads, keyValueHead, context, scores, rows, state, (float*)Scratch[worker]);
            }

            if (only)
            {
                for (int h = 0; h < heads; h++)
                {
                    var values = new Span<float>(context + (long)h * Shape.Value, Shape.Value);
                    TensorPrimitives.Divide(values, state[MaxHeadGroup + h], values);
                }
            }
            else
            {
                new Span<float>(state, heads).CopyTo(new Span<float>(Splits.Maximum(split) + head, heads));
                new Span<float>(state + MaxHeadGroup, heads).CopyTo(new Span<float>(Splits.Sum(split) + head, heads));
            }
        }
    }

    private void Attend<TLanes>(
        int split, int token, int head, int heads, int keyValueHead, float* context, float* scores, float** rows, float* state,
        float* packed)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* sum = state + MaxHeadGroup, decay = sum + MaxHeadGroup;
        float* query = Queries[token] + (long)head * Shape.Key;
        DecodedRows decoded = Decoded((byte*)packed);
        for (int h = 0, queries; h < heads; h += queries)
        {
            int lanes = QueryLanes.Registers<TLanes>(heads - h) * TLanes.Count;
            queries = Math.Min(lanes, heads - h);
            QueryLanes.Pack(
                query + h * Shape.Key, Shape.Key, queries, Shape.Key, packed + h * Shape.Key, lanes);
        }

        int end = Splits.End(split, token);
        float** next = rows + QueryLanes.Block;
        PrefetchRows(token, keyValueHead, Splits.Start(split, token), end, next);
        for (int position = Splits.Start(split, token), count; position < end; position += count)
        {
            count = Advance(token, keyValueHead, position, end, ref rows, ref next);
            float** ahead = position + count == end ? null : next;
            float** read = Decodes ? decoded.Take<TLanes>(Cache, rows, count, ahead) : rows;
            for (int h = 0, queries; h < heads; h += queries)
            {
                int registers = QueryLanes.Registers<TLanes>(heads - h);
                int lanes = registers * TLanes.Count;
                queries = Math.Min(lanes, heads - h);
                QueryLanes.Scores<TLanes>(
                    packed + h * Shape.Key, registers, read, count, 0, Shape.Key, scores, accumulate: false,
                    Decodes || h > 0 ? null : ahead, Shape.RowHead);
                QueryLanes.Softmax<TLanes>(scores, registers, count, Shape.Scale, state + h, sum + h, decay + h);
                QueryValues.Add<TLanes>(
                    read, count, Shape.ValueOffset, scores, lanes, decay + h, context + (long)h * Shape.Value, Shape.Value, queries,
                    Shape.Value);
            }
        }
    }

    private void AttendBFloat16<TLanes>(
        int split, int token, int head, int heads, int keyValueHead, float* context, float** rows, float* state, byte* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        const int lanes = BFloat16AttentionBlock.Queries;
        float* sum = state + MaxHeadGroup, decay = sum + MaxHeadGroup;
        var packed = (uint*)scratch;
        int packedLength = BFloat16AttentionBlock.PackedLength(Shape.Key);
        var block = new BFloat16AttentionBlock(BFloat16, scratch + PackedBytes(Shape), Shape.Key, Shape.Value);
        float* query = Queries[token] + (long)head * Shape.Key;
        for (int h = 0; h < heads; h += lanes)
        {
            block.PackQueries(
                query + h * Shape.Key, Shape.Key, Math.Min(lanes, heads - h), packed + h / lanes * packedLength);
        }

        DecodedRows decoded = Decoded(scratch);

        // Where there are several key-value heads, other heads' parts lie between those of this one.
        int apart = Shape.KeyValueHeads > 1 ? Shape.RowHead : 0;
        int end = Splits.End(split, token);
        float** next = rows + QueryLanes.Block;
        PrefetchRows(token, keyValueHead, Splits.Start(split, token), end, next);
        for (int position = Splits.Start(split, token), count; position < end; position += count)
        {
            count = Advance(token, keyValueHead, position, end, ref rows, ref next);
            float** ahead = position + count == end ? null : next;
            float** read = Decodes ? decoded.Take<TLanes>(Cache, rows, count, ahead) : rows;
            block.TakeRows((ushort**)read, count, Decodes ? decoded.RowBytes : Cache.RowBytes, Shape.ValueOffset);
            for (int h = 0; h < heads; h += lanes)
            {
                block.Scores(
                    packed + h / lanes * packedLength, count, Decodes || h > 0 ? null : (ushort**)ahead, apart);
                block.AddValues<TLanes>(
                    count, Shape.Scale, state + h, sum + h, decay + h, context + (long)h * Shape.Value, Shape.Value,
                    Math.Min(lanes, heads - h));
            }
        }
    }

    /// <summary>Moves on to the block at a position, whose rows were found before, and finds those of the one that follows, if one does.</summary>
    /// <returns>Positions of the block.</returns>
    private int Advance(int token, int keyValueHead, int position, int end, ref float** rows, ref float** next)
    {
        float** found = next;
        next = rows;
        rows = found;
        int count = Math.Min(QueryLanes.Block, end - position);
        if (position + count < end)
        {
            FindRows(token, keyValueHead, position + count, end, next);
        }

        return count;
    }

    /// <summary>Finds the first block's rows and asks memory for them.</summary>
    private void PrefetchRows(int token, int keyValueHead, int position, int end, float** rows)
    {
        FindRows(token, keyValueHead, position, end, rows);
        for (int j = 0; j < QueryLanes.Block && j < end - position; j++)
        {
            QueryLanes.Prefetch(rows[j], Cache.PartLength);
        }
    }

    /// <summary>Where the key-value head's part of the rows of a block lies, the last of them again and again where it is shorter.</summary>
    private void FindRows(int token, int keyValueHead, int position, int end, float** rows)
    {
        for (int j = 0; j < QueryLanes.Block; j++)
        {
            rows[j] = position + j < end ? Cache.Part(Tokens.CacheRow(token, position + j), keyValueHead) : rows[j - 1];
        }
    }

    private DecodedRows Decoded(byte* scratch)
        => Decodes ? new(scratch + BlockOffset(Shape), Shape.RowHead, BFloat16.Scores != null) : default;
}

/// <summary>
/// context[t, h] of the tokens with several splits, from what each split found: sum_s e_s context_s / sum_s e_s sum_s,
/// e_s = exp(maximum_s - maximum), splits in ascending order. A task is a token and a head.
/// </summary>
internal readonly unsafe struct JoinSplitsJob : IParallelJob
{
    public required AttentionSplits Splits { get; init; }

    public required AttentionShape Shape { get; init; }

    public required Rows Context { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int task = start; task < end; task++)
        {
            int token = task / Shape.Heads;
            int head = task % Shape.Heads;
            int first = Splits.First(token), count = Splits.Count(token);
            if (count == 1)
            {
                continue;
            }

            float maximum = QueryLanes.NoMaximum;
            for (int s = first; s < first + count; s++)
            {
                maximum = Math.Max(maximum, Splits.Maximum(s)[head]);
            }

            float* context = Context[token] + (long)head * Shape.Value;
            var values = new Span<float>(context, Shape.Value);
            values.Clear();
            float sum = 0;
            for (int s = first; s < first + count; s++)
            {
                float weight = MathF.Exp(Splits.Maximum(s)[head] - maximum);
                sum += weight * Splits.Sum(s)[head];
                var part = new ReadOnlySpan<float>(Splits.Context(s) + (long)head * Shape.Value, Shape.Value);
                TensorPrimitives.MultiplyAdd(part, weight, values, values);
            }

            TensorPrimitives.Divide(values, sum, values);
        }
    }
}
