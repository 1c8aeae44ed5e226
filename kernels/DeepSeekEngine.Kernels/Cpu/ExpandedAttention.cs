using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// One tile of causal attention over expanded keys and values: with s_j = scale * (q_nope . k_nope_j + q_pe . k_pe_j), state [count,
/// H * 2] holds max s and sum exp(s - max), heads [count, H * v] sum exp(s - max) v_j, divided by that sum in the last tile.
/// keyValues [ContextCount, H * (n + v)], latents [ContextCount, c + r]. A task is a head and a block of tokens.
/// </summary>
internal readonly unsafe struct ExpandedAttentionJob : IParallelJob
{
    private const int TokenBlock = 16;
    private const int Block = 48;

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

    public int Tasks => checked(Shape.Heads * ((Count + TokenBlock - 1) / TokenBlock));

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scores = stackalloc float[TokenBlock * Block];
        float** columns = stackalloc float*[Block];
        float** rows = stackalloc float*[Block];
        float** latents = stackalloc float*[Block];
        float* decay = stackalloc float[TokenBlock];
        int* visible = stackalloc int[TokenBlock];
        for (int i = 0; i < Block; i++)
        {
            columns[i] = scores + i;
        }

        for (int task = start; task < end; task++)
        {
            int h = task % Shape.Heads;
            int token = task / Shape.Heads * TokenBlock;
            int tokens = Math.Min(TokenBlock, Count - token);
            float* query = Q[token] + (long)h * Shape.QueryHead;
            float* heads = Heads[token] + (long)h * Shape.Value;
            int visibleToAny = 0;
            for (int t = 0; t < tokens; t++)
            {
                visible[t] = (int)Math.Clamp(Tokens.Position(token + t) + 1L - ContextStart, 0, ContextCount);
                visibleToAny = Math.Max(visibleToAny, visible[t]);
                if (First)
                {
                    float* state = State[token + t] + 2 * h;
                    state[0] = float.NegativeInfinity;
                    state[1] = 0;
                    new Span<float>(heads + t * Heads.Stride, Shape.Value).Clear();
                }
            }

            for (int position = 0; position < visibleToAny; position += Block)
            {
                int count = Math.Min(Block, visibleToAny - position);
                for (int j = 0; j < count; j++)
                {
                    rows[j] = KeyValues[position + j] + (long)h * Shape.KeyValueHead;
                    latents[j] = Latents[position + j];
                }

                DotProduct.Products<TLanes>(query, Q.Stride, tokens, rows, count, 0, Shape.Nope, columns, Block, false);
                DotProduct.Products<TLanes>(
                    query + Shape.Nope, Q.Stride, tokens, latents, count, Shape.Latent, Shape.Rope, columns, Block, true);
                for (int t = 0; t < tokens; t++)
                {
                    float* weights = scores + t * Block;
                    int seen = Math.Clamp(visible[t] - position, 0, count);
                    float* state = State[token + t] + 2 * h;
                    decay[t] = seen == 0 ? 1 : RunningSoftmax.Update<TLanes>(weights, seen, Shape.Scale, ref state[0], ref state[1]);
                    new Span<float>(weights + seen, count - seen).Clear();
                }

                WeightedRows.Add<TLanes>(rows, count, Shape.Nope, scores, Block, decay, heads, Heads.Stride, tokens, Shape.Value);
            }

            if (Last)
            {
                for (int t = 0; t < tokens; t++)
                {
                    var values = new Span<float>(heads + t * Heads.Stride, Shape.Value);
                    TensorPrimitives.Divide(values, State[token + t][2 * h + 1], values);
                }
            }
        }
    }
}
