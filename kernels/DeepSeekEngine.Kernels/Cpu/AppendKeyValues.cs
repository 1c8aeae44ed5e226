using System.Numerics.Tensors;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Completes the projected heads of grouped-query attention: a query, in place, and a key become rope(RMSNorm(x + bias)), a value x + bias;
/// keys and values go to the token's cache row, kept as the cache keeps them. q [count, H * key], k [count, G * key], v [count, G * value];
/// pairs are rotated by halves. A task is a token.
/// </summary>
internal readonly unsafe struct AppendKeyValuesJob : IParallelJob
{
    public required Rows Q { get; init; }

    public required Rows K { get; init; }

    public required Rows V { get; init; }

    /// <summary>[H * key], or null, as are the other biases and norms.</summary>
    public required float* QueryBias { get; init; }

    /// <summary>[G * key].</summary>
    public required float* KeyBias { get; init; }

    /// <summary>[G * value].</summary>
    public required float* ValueBias { get; init; }

    /// <summary>[key], the same for all heads.</summary>
    public required float* QueryNorm { get; init; }

    /// <summary>[key], the same for all heads.</summary>
    public required float* KeyNorm { get; init; }

    public required float Epsilon { get; init; }

    /// <summary>[RopePositions, key].</summary>
    public required float* RopeTable { get; init; }

    public required int RopePositions { get; init; }

    public required TokenView Tokens { get; init; }

    public required AttentionShape Shape { get; init; }

    public required CacheRows Cache { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int position = Tokens.Position(t, RopePositions);
            float* angles = RopeTable + (long)position * Shape.Key;
            long row = Tokens.CacheRow(t, position);
            AddBias(Q[t], QueryBias, Shape.Heads * Shape.Key);
            AddBias(K[t], KeyBias, Shape.KeyValueHeads * Shape.Key);
            AddBias(V[t], ValueBias, Shape.KeyValueHeads * Shape.Value);
            for (int h = 0; h < Shape.Heads; h++)
            {
                Turn<TLanes>(Q[t] + (long)h * Shape.Key, QueryNorm, angles);
            }

            for (int h = 0; h < Shape.KeyValueHeads; h++)
            {
                float* key = K[t] + (long)h * Shape.Key;
                Turn<TLanes>(key, KeyNorm, angles);
                float* part = Cache.Part(row, h);
                Cache.Store(part, 0, key, Shape.Key);
                Cache.Store(part, Shape.ValueOffset, V[t] + (long)h * Shape.Value, Shape.Value);
            }
        }
    }

    private static void AddBias(float* x, float* bias, int width)
    {
        if (bias != null)
        {
            var sum = new Span<float>(x, width);
            TensorPrimitives.Add(sum, new ReadOnlySpan<float>(bias, width), sum);
        }
    }

    private void Turn<TLanes>(float* head, float* norm, float* angles)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (norm != null)
        {
            RmsNormJob.Row<TLanes>(head, norm, Epsilon, head, Shape.Key);
        }

        Rope.RotateHalves(head, angles, head, Shape.Key);
    }
}
