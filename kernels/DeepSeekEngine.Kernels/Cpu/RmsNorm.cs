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
        // In two parts, so that a result is rounded once and not four times: what is lost here is the same for the whole row, and routers
        // tell it.
        double exact = 1 / Math.Sqrt(DotProduct.Of<TLanes>(x, x, width) / (double)width + epsilon);
        float high = (float)exact;
        TLanes scale = TLanes.Broadcast(high);
        TLanes rest = TLanes.Broadcast((float)(exact - high));
        TLanes negative = TLanes.Broadcast(-high);
        int k = 0;
        for (; k + TLanes.Count <= width; k += TLanes.Count)
        {
            TLanes.Store(Scale(TLanes.Load(x + k), scale, negative, rest, TLanes.Load(weight + k)), y + k);
        }

        if (k < width)
        {
            int left = width - k;
            TLanes last = PartialLanes.Load<TLanes>(x + k, left);
            PartialLanes.Store(Scale(last, scale, negative, rest, PartialLanes.Load<TLanes>(weight + k, left)), y + k, left);
        }
    }

    /// <summary>x * (scale + rest) * weight; negative is -scale.</summary>
    private static TLanes Scale<TLanes>(TLanes x, TLanes scale, TLanes negative, TLanes rest, TLanes weight)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes lost = TLanes.MultiplyAdd(x, rest, TLanes.MultiplyAdd(x, scale, x * negative));
        return TLanes.MultiplyAdd(x * scale, weight, lost * weight);
    }
}
