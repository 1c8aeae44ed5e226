using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// One tile of causal attention: with s_j = scale * q . k_j, state [count, H * 2] holds max s and sum exp(s - max), heads [count, H * v]
/// sum exp(s - max) v_j, divided by that sum in the last tile. keyValues [ContextCount, row], sharedKeys [ContextCount, shared key]
/// the end of all heads' keys. A task is a head and a block of tokens; a block of keys and values is copied together once a task,
/// because rows as far apart as all heads' keys and values evict each other. Where there are functions for it, products are of bfloat16.
/// </summary>
internal readonly unsafe struct ExpandedAttentionJob : IParallelJob
{
    private const int TokenBlock = 128;

    public required Rows Q { get; init; }

    public required Rows KeyValues { get; init; }

    /// <summary>Not read if there is no shared key.</summary>
    public required Rows SharedKeys { get; init; }

    public required TokenView Tokens { get; init; }

    public required AttentionShape Shape { get; init; }

    public required int ContextStart { get; init; }

    public required int ContextCount { get; init; }

    public required bool First { get; init; }

    public required bool Last { get; init; }

    public required Rows State { get; init; }

    public required Rows Heads { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public int Tasks => checked(Shape.Heads * ((Count + TokenBlock - 1) / TokenBlock));

    public required BFloat16AttentionFunctions BFloat16 { get; init; }

    /// <summary>Queries of a block of tokens, keys and values of a block of positions.</summary>
    public static long ScratchBytes(in AttentionShape shape) => Math.Max(
        ((long)TokenBlock * shape.QueryHead + (long)QueryLanes.Block * (shape.QueryHead + shape.Value)) * sizeof(float),
        PackedBytes(shape) + BFloat16AttentionBlock.ByteLength(shape.QueryHead, shape.Value) + (long)shape.QueryHead * sizeof(float));

    /// <summary>Of the queries in bfloat16.</summary>
    private static long PackedBytes(in AttentionShape shape)
        => (long)TokenBlock / BFloat16AttentionBlock.Queries * BFloat16AttentionBlock.PackedLength(shape.QueryHead) * sizeof(uint);

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        // Of each token of the block: the maximum, the sum and the decay.
        float* state = stackalloc float[3 * TokenBlock];
        int* visible = stackalloc int[TokenBlock];
        for (int task = start; task < end; task++)
        {
            int h = task % Shape.Heads;
            int token = task / Shape.Heads * TokenBlock;
            int tokens = Math.Min(TokenBlock, Count - token);
            int visibleToAny = Begin(token, tokens, h, state, visible);
            if (BFloat16.Scores != null)
            {
                AttendBFloat16<TLanes>(token, tokens, h, visibleToAny, state, visible, Scratch[worker]);
            }
            else
            {
                Attend<TLanes>(token, tokens, h, visibleToAny, state, visible, (float*)Scratch[worker]);
            }

            End(token, tokens, h, state);
        }
    }

    [SkipLocalsInit]
    private void Attend<TLanes>(int token, int tokens, int h, int visibleToAny, float* state, int* visible, float* packed)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scores = stackalloc float[QueryLanes.MaxRegisters * LaneWidths.MaxLanes * QueryLanes.Block];
        float* keys = packed + (long)TokenBlock * Shape.QueryHead;
        float* values = keys + (long)QueryLanes.Block * Shape.QueryHead;
        float** keyRows = stackalloc float*[QueryLanes.Block];
        float** valueRows = stackalloc float*[QueryLanes.Block];
        for (int j = 0; j < QueryLanes.Block; j++)
        {
            keyRows[j] = keys + (long)j * Shape.QueryHead;
            valueRows[j] = values + (long)j * Shape.Value;
        }

        for (int t = 0, queries; t < tokens; t += queries)
        {
            int lanes = QueryLanes.Registers<TLanes>(tokens - t) * TLanes.Count;
            queries = Math.Min(lanes, tokens - t);
            QueryLanes.Pack(Query(token + t, h), Q.Stride, queries, Shape.QueryHead, packed + (long)t * Shape.QueryHead, lanes);
        }

        for (int position = 0, count; position < visibleToAny; position += count)
        {
            count = Math.Min(QueryLanes.Block, visibleToAny - position);
            for (int j = 0; j < count; j++)
            {
                CopyKey(position + j, h, keyRows[j]);
                Copy(Value(position + j, h), valueRows[j], Shape.Value);
            }

            for (int t = 0, queries; t < tokens; t += queries)
            {
                int registers = QueryLanes.Registers<TLanes>(tokens - t);
                int lanes = registers * TLanes.Count;
                queries = Math.Min(lanes, tokens - t);
                int seen = Math.Min(count, Largest(visible + t, queries) - position);
                if (seen <= 0)
                {
                    continue;
                }

                QueryLanes.Scores<TLanes>(
                    packed + (long)t * Shape.QueryHead, registers, keyRows, seen, 0, Shape.QueryHead, scores, accumulate: false);
                Hide(scores, lanes, visible + t, queries, position, seen);
                float* decay = state + 2 * TokenBlock + t;
                QueryLanes.Softmax<TLanes>(scores, registers, seen, Shape.Scale, state + t, state + TokenBlock + t, decay);
                QueryValues.Add<TLanes>(
                    valueRows, seen, 0, scores, lanes, decay, Head(token + t, h), Heads.Stride, queries, Shape.Value);
            }
        }
    }

    private void AttendBFloat16<TLanes>(int token, int tokens, int h, int visibleToAny, float* state, int* visible, byte* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        const int lanes = BFloat16AttentionBlock.Queries;
        var packed = (uint*)scratch;
        int packedLength = BFloat16AttentionBlock.PackedLength(Shape.QueryHead);
        byte* memory = scratch + PackedBytes(Shape);
        var block = new BFloat16AttentionBlock(BFloat16, memory, Shape.QueryHead, Shape.Value);
        var key = (float*)(memory + BFloat16AttentionBlock.ByteLength(Shape.QueryHead, Shape.Value));
        for (int t = 0; t < tokens; t += lanes)
        {
            block.PackQueries(Query(token + t, h), Q.Stride, Math.Min(lanes, tokens - t), packed + t / lanes * packedLength);
        }

        for (int position = 0, count; position < visibleToAny; position += count)
        {
            count = Math.Min(QueryLanes.Block, visibleToAny - position);
            for (int j = 0; j < count; j++)
            {
                CopyKey(position + j, h, key);
                block.RoundKey(j, key);
            }

            block.FillKeys(count);
            for (int j = 0; j < count; j += 2)
            {
                block.RoundValues(j / 2, Value(position + j, h), j + 1 < count ? Value(position + j + 1, h) : null);
            }

            for (int t = 0; t < tokens; t += lanes)
            {
                int queries = Math.Min(lanes, tokens - t);
                int seen = Math.Min(count, Largest(visible + t, queries) - position);
                if (seen <= 0)
                {
                    continue;
                }

                float* scores = block.Scores(packed + t / lanes * packedLength, seen);
                Hide(scores, lanes, visible + t, queries, position, seen);
                block.AddValues<TLanes>(
                    seen, Shape.Scale, state + t, state + TokenBlock + t, state + 2 * TokenBlock + t, Head(token + t, h), Heads.Stride,
                    queries);
            }
        }
    }

    private float* Query(int token, int h) => Q[token] + (long)h * Shape.QueryHead;

    /// <summary>The part of a row that a query head attends to.</summary>
    private float* Row(int position, int h) => KeyValues[position] + (long)(h / Shape.Group) * Shape.RowHead;

    private float* Value(int position, int h) => Row(position, h) + Shape.ValueOffset;

    private float* Head(int token, int h) => Heads[token] + (long)h * Shape.Value;

    private void CopyKey(int position, int h, float* key)
    {
        Copy(Row(position, h), key, Shape.Key);
        Copy(SharedKeys[position], key + Shape.Key, Shape.SharedKey);
    }

    /// <summary>Makes the scores minus infinity that a query does not see.</summary>
    private static void Hide(float* scores, int lanes, int* visible, int queries, int position, int seen)
    {
        for (int i = 0; i < queries; i++)
        {
            for (int j = Math.Max(0, visible[i] - position); j < seen; j++)
            {
                scores[j * lanes + i] = float.NegativeInfinity;
            }
        }
    }

    private static void Copy(float* source, float* destination, int length)
        => new ReadOnlySpan<float>(source, length).CopyTo(new Span<float>(destination, length));

    private static int Largest(int* values, int count)
    {
        int largest = values[0];
        for (int i = 1; i < count; i++)
        {
            largest = Math.Max(largest, values[i]);
        }

        return largest;
    }

    /// <summary>Brings the state into lanes. Returns the positions of the tile any of the tokens attends to.</summary>
    private int Begin(int token, int tokens, int h, float* state, int* visible)
    {
        new Span<float>(state, TokenBlock).Fill(QueryLanes.NoMaximum);
        new Span<float>(state + TokenBlock, TokenBlock).Clear();
        for (int t = 0; t < tokens; t++)
        {
            visible[t] = (int)Math.Clamp(Tokens.Position(token + t) + 1L - ContextStart, 0, ContextCount);
            if (First)
            {
                new Span<float>(Head(token + t, h), Shape.Value).Clear();
            }
            else
            {
                float* stored = State[token + t] + 2 * h;
                (state[t], state[TokenBlock + t]) = (stored[0], stored[1]);
            }
        }

        return Largest(visible, tokens);
    }

    /// <summary>Puts the state back; in the last tile, divides.</summary>
    private void End(int token, int tokens, int h, float* state)
    {
        for (int t = 0; t < tokens; t++)
        {
            float* stored = State[token + t] + 2 * h;
            (stored[0], stored[1]) = (state[t], state[TokenBlock + t]);
            if (Last)
            {
                var values = new Span<float>(Head(token + t, h), Shape.Value);
                TensorPrimitives.Divide(values, state[TokenBlock + t], values);
            }
        }
    }
}
