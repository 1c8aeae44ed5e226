using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// cache[row of t] = [RMSNorm(kv[t, :c]), rotated kv[t, c:]]; kv [count, c + r], cache [cache rows, c + r]. A task is a token. Where there
/// are functions for it, what is written is rounded to bfloat16.
/// </summary>
internal readonly unsafe struct AppendLatentsJob : IParallelJob
{
    public required Rows KeyValues { get; init; }

    public required float* NormWeight { get; init; }

    public required float Epsilon { get; init; }

    /// <summary>[RopePositions, r].</summary>
    public required float* RopeTable { get; init; }

    public required int RopePositions { get; init; }

    public required TokenView Tokens { get; init; }

    public required MlaShape Shape { get; init; }

    public required Rows Cache { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public required BFloat16AttentionFunctions BFloat16 { get; init; }

    public static long ScratchBytes(in MlaShape shape) => RowBytes(shape) + CacheRows.ScratchBytes(shape.CacheRow);

    private static long RowBytes(in MlaShape shape) => (long)shape.CacheRow * sizeof(float);

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int position = Tokens.Position(t, RopePositions);
            float* stored = Cache.Data + Tokens.CacheRow(t, position) * Cache.Stride;
            float* row = BFloat16.Round != null ? (float*)Scratch[worker] : stored;
            RmsNormJob.Row<TLanes>(KeyValues[t], NormWeight, Epsilon, row, Shape.Latent);
            Rope.Rotate(KeyValues[t] + Shape.Latent, RopeTable + (long)position * Shape.Rope, row + Shape.Latent, Shape.Rope);
            if (BFloat16.Round != null)
            {
                CacheRows.Round(BFloat16, row, Shape.CacheRow, (ushort*)stored, Scratch[worker] + RowBytes(Shape));
            }
        }
    }
}
