namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[t] = weight * x[t] / sqrt(mean(x[t]^2) + epsilon); x, y [count, d], weight [d]; y may be x. A task is a token.</summary>
internal readonly unsafe struct RmsNormJob : IParallelJob
{
    public required Rows X { get; init; }

    public required float* Weight { get; init; }

    public required float Epsilon { get; init; }

    public required Rows Y { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            Row<TLanes>(X[t], Weight, Epsilon, Y[t], X.Width);
        }
    }

    /// <summary>Normalises one row.</summary>
    public static void Row<TLanes>(float* x, float* weight, float epsilon, float* y, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes scale = TLanes.Broadcast(1 / MathF.Sqrt(DotProduct.Of<TLanes>(x, x, width) / width + epsilon));
        int k = 0;
        for (; k + TLanes.Count <= width; k += TLanes.Count)
        {
            TLanes.Store(TLanes.Load(x + k) * scale * TLanes.Load(weight + k), y + k);
        }

        if (k < width)
        {
            int rest = width - k;
            PartialLanes.Store(
                PartialLanes.Load<TLanes>(x + k, rest) * scale * PartialLanes.Load<TLanes>(weight + k, rest), y + k, rest);
        }
    }
}
