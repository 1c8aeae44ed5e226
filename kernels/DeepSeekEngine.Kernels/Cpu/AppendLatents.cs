namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// cache[row of t] = [RMSNorm(kv[t, :c]), rotated kv[t, c:]], kept as the cache keeps it; kv [count, c + r]. A task is a token.
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

    public required CacheRows Cache { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public static long ScratchBytes(in MlaShape shape) => (long)shape.CacheRow * sizeof(float);

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int position = Tokens.Position(t, RopePositions);
            float* part = Cache.Part(Tokens.CacheRow(t, position), head: 0);
            var row = (float*)Scratch[worker];
            RmsNormJob.Row<TLanes>(KeyValues[t], NormWeight, Epsilon, row, Shape.Latent);
            Rope.Rotate(KeyValues[t] + Shape.Latent, RopeTable + (long)position * Shape.Rope, row + Shape.Latent, Shape.Rope);
            Cache.Store(part, 0, row, Shape.Latent);
            Cache.Store(part, Shape.Latent, row + Shape.Latent, Shape.Rope);
        }
    }
}
