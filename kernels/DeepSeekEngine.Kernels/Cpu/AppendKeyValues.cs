using System.Numerics.Tensors;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Completes the projected heads of grouped-query attention: a query, in place, and a key become rope(RMSNorm(x + bias)), a value x + bias;
/// keys and values go to the token's cache row. q [count, H * key], k [count, G * key], v [count, G * value]; pairs are rotated by halves.
/// A task is a token. Where there are functions for it, what goes to the cache is rounded to bfloat16.
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

    public required Rows Cache { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public required BFloat16AttentionFunctions BFloat16 { get; init; }

    public static long ScratchBytes(in AttentionShape shape) => CacheRows.ScratchBytes(Math.Max(shape.Key, shape.Value));

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int position = Tokens.Position(t, RopePositions);
            float* angles = RopeTable + (long)position * Shape.Key;
            float* row = Cache.Data + Tokens.CacheRow(t, position) * Cache.Stride;
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
                Store(key, Shape.Key, row, h * Shape.RowHead, worker);
                Store(V[t] + (long)h * Shape.Value, Shape.Value, row, h * Shape.RowHead + Shape.ValueOffset, worker);
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

    private void Store(float* values, int width, float* row, int column, int worker)
    {
        if (BFloat16.Round != null)
        {
            CacheRows.Round(BFloat16, values, width, (ushort*)row + column, Scratch[worker]);
        }
        else
        {
            new ReadOnlySpan<float>(values, width).CopyTo(new Span<float>(row + column, width));
        }
    }
}
