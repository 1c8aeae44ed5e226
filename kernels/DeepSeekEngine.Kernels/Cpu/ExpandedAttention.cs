using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// One tile of causal attention over expanded keys and values: with s_j = scale * (q_nope . k_nope_j + q_pe . k_pe_j), state [count,
/// H * 2] holds max s and sum exp(s - max), heads [count, H * v] sum exp(s - max) v_j, divided by that sum in the last tile.
/// keyValues [ContextCount, H * (n + v)], latents [ContextCount, c + r]. A task is a head and a block of tokens; a block of keys and
/// values is copied together once a task, because rows as far apart as all heads' keys and values evict each other.
/// </summary>
internal readonly unsafe struct ExpandedAttentionJob : IParallelJob
{
    private const int TokenBlock = 128;

    public required Rows Q { get; init; }

    public required Rows KeyValues { get; init; }

    public required Rows Latents { get; init; }

    public required TokenView Tokens { get; init; }

    public required MlaShape Shape { get; init; }

    public required int ContextStart { get; init; }

    public required int ContextCount { get; init; }

    public required bool First { get; init; }

    public required bool Last { get; init; }

    public required Rows State { get; init; }

    public required Rows Heads { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public int Tasks => checked(Shape.Heads * ((Count + TokenBlock - 1) / TokenBlock));

    /// <summary>Queries of a block of tokens, keys and values of a block of positions.</summary>
    public static long ScratchBytes(in MlaShape shape)
        => ((long)TokenBlock * shape.QueryHead + (long)QueryLanes.Block * (shape.QueryHead + shape.Value)) * sizeof(float);

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scores = stackalloc float[QueryLanes.MaxRegisters * LaneWidths.MaxLanes * QueryLanes.Block];
        float* packed = (float*)Scratch[worker];
        float* keys = packed + (long)TokenBlock * Shape.QueryHead;
        float* values = keys + (long)QueryLanes.Block * Shape.QueryHead;
        float** keyRows = stackalloc float*[QueryLanes.Block];
        float** valueRows = stackalloc float*[QueryLanes.Block];
        float* maximum = stackalloc float[TokenBlock];
        float* sum = stackalloc float[TokenBlock];
        float* decay = stackalloc float[TokenBlock];
        int* visible = stackalloc int[TokenBlock];
        for (int j = 0; j < QueryLanes.Block; j++)
        {
            keyRows[j] = keys + (long)j * Shape.QueryHead;
            valueRows[j] = values + (long)j * Shape.Value;
        }

        for (int task = start; task < end; task++)
        {
            int h = task % Shape.Heads;
            int token = task / Shape.Heads * TokenBlock;
            int tokens = Math.Min(TokenBlock, Count - token);
            float* heads = Heads[token] + (long)h * Shape.Value;
            int visibleToAny = Begin<TLanes>(token, tokens, h, packed, maximum, sum, visible);
            for (int position = 0, count; position < visibleToAny; position += count)
            {
                count = Math.Min(QueryLanes.Block, visibleToAny - position);
                for (int j = 0; j < count; j++)
                {
                    float* source = KeyValues[position + j] + (long)h * Shape.KeyValueHead;
                    Copy(source, keyRows[j], Shape.Nope);
                    Copy(Latents[position + j] + Shape.Latent, keyRows[j] + Shape.Nope, Shape.Rope);
                    Copy(source + Shape.Nope, valueRows[j], Shape.Value);
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
                    for (int i = 0; i < queries; i++)
                    {
                        for (int j = Math.Max(0, visible[t + i] - position); j < seen; j++)
                        {
                            scores[j * lanes + i] = float.NegativeInfinity;
                        }
                    }

                    QueryLanes.Softmax<TLanes>(scores, registers, seen, Shape.Scale, maximum + t, sum + t, decay);
                    QueryValues.Add<TLanes>(
                        valueRows, seen, 0, scores, lanes, decay, heads + t * Heads.Stride, Heads.Stride, queries, Shape.Value);
                }
            }

            End(token, tokens, h, maximum, sum);
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

    /// <summary>Brings queries and state into lanes. Returns the positions of the tile any of the tokens attends to.</summary>
    private int Begin<TLanes>(int token, int tokens, int h, float* packed, float* maximum, float* sum, int* visible)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        new Span<float>(maximum, TokenBlock).Fill(QueryLanes.NoMaximum);
        new Span<float>(sum, TokenBlock).Clear();
        for (int t = 0, queries; t < tokens; t += queries)
        {
            int lanes = QueryLanes.Registers<TLanes>(tokens - t) * TLanes.Count;
            queries = Math.Min(lanes, tokens - t);
            QueryLanes.Pack(
                Q[token + t] + (long)h * Shape.QueryHead, Q.Stride, queries, Shape.QueryHead, packed + (long)t * Shape.QueryHead, lanes);
        }

        for (int t = 0; t < tokens; t++)
        {
            visible[t] = (int)Math.Clamp(Tokens.Position(token + t) + 1L - ContextStart, 0, ContextCount);
            if (First)
            {
                new Span<float>(Heads[token + t] + (long)h * Shape.Value, Shape.Value).Clear();
            }
            else
            {
                float* state = State[token + t] + 2 * h;
                (maximum[t], sum[t]) = (state[0], state[1]);
            }
        }

        return Largest(visible, tokens);
    }

    /// <summary>Puts the state back; in the last tile, divides.</summary>
    private void End(int token, int tokens, int h, float* maximum, float* sum)
    {
        for (int t = 0; t < tokens; t++)
        {
            float* state = State[token + t] + 2 * h;
            (state[0], state[1]) = (maximum[t], sum[t]);
            if (Last)
            {
                var values = new Span<float>(Heads[token + t] + (long)h * Shape.Value, Shape.Value);
                TensorPrimitives.Divide(values, sum[t], values);
            }
        }
    }
}
