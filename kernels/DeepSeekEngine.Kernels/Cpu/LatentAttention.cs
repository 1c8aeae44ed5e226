using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// context[t, h] = sum_j softmax_j(scale * absorbed[t, h] . cache[j]) cache[j, :c] over positions j &lt;= position of t; absorbed
/// [count, H * (c + r)], cache [cache rows, c + r], context [count, H * c]. A task is a token and a few heads, which read the
/// sequence's rows once, a block of positions at a time in ascending order.
/// </summary>
internal readonly unsafe struct LatentAttentionJob : IParallelJob
{
    /// <summary>Heads a task has at most.</summary>
    public const int MaxHeadGroup = 4;

    private const int Block = 48;

    public required Rows Absorbed { get; init; }

    public required Rows Cache { get; init; }

    public required TokenView Tokens { get; init; }

    public required MlaShape Shape { get; init; }

    public required Rows Context { get; init; }

    public required int HeadGroup { get; init; }

    public int GroupsPerToken => (Shape.Heads + HeadGroup - 1) / HeadGroup;

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scores = stackalloc float[MaxHeadGroup * Block];
        float** rows = stackalloc float*[Block];
        float** columns = stackalloc float*[Block];
        float* maximum = stackalloc float[MaxHeadGroup];
        float* sum = stackalloc float[MaxHeadGroup];
        float* decay = stackalloc float[MaxHeadGroup];
        for (int i = 0; i < Block; i++)
        {
            columns[i] = scores + i;
        }

        for (int task = start; task < end; task++)
        {
            int t = task / GroupsPerToken;
            int head = task % GroupsPerToken * HeadGroup;
            int heads = Math.Min(HeadGroup, Shape.Heads - head);
            float* query = Absorbed[t] + (long)head * Shape.CacheRow;
            float* context = Context[t] + (long)head * Shape.Latent;
            new Span<float>(context, heads * Shape.Latent).Clear();
            new Span<float>(maximum, heads).Fill(float.NegativeInfinity);
            new Span<float>(sum, heads).Clear();
            int positions = Tokens.Position(t) + 1;
            for (int position = 0; position < positions; position += Block)
            {
                int count = Math.Min(Block, positions - position);
                for (int j = 0; j < count; j++)
                {
                    rows[j] = Cache.Data + Tokens.CacheRow(t, position + j) * Cache.Stride;
                }

                DotProduct.Products<TLanes>(query, Shape.CacheRow, heads, rows, count, 0, Shape.CacheRow, columns, Block, false);
                for (int h = 0; h < heads; h++)
                {
                    decay[h] = RunningSoftmax.Update<TLanes>(scores + h * Block, count, Shape.Scale, ref maximum[h], ref sum[h]);
                }

                WeightedRows.Add<TLanes>(rows, count, 0, scores, Block, decay, context, Shape.Latent, heads, Shape.Latent);
            }

            for (int h = 0; h < heads; h++)
            {
                var values = new Span<float>(context + (long)h * Shape.Latent, Shape.Latent);
                TensorPrimitives.Divide(values, sum[h], values);
            }
        }
    }
}
