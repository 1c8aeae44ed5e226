namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[t] += x[t]; both [count, d]. A task is <see cref="Block"/> columns of a token.</summary>
internal readonly unsafe struct AddJob : IParallelJob
{
    public const int Block = 1024;

    public required Rows X { get; init; }

    public required Rows Y { get; init; }

    public static int TasksPerToken(int width) => (width + Block - 1) / Block;

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int blocks = TasksPerToken(X.Width);
        for (int task = start; task < end; task++)
        {
            int t = task / blocks;
            int column = task % blocks * Block;
            Run<TLanes>(X[t] + column, Y[t] + column, Math.Min(Block, X.Width - column));
        }
    }

    private static void Run<TLanes>(float* x, float* y, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int k = 0;
        for (; k + TLanes.Count <= width; k += TLanes.Count)
        {
            TLanes.Store(TLanes.Load(y + k) + TLanes.Load(x + k), y + k);
        }

        if (k < width)
        {
            int rest = width - k;
            PartialLanes.Store(PartialLanes.Load<TLanes>(y + k, rest) + PartialLanes.Load<TLanes>(x + k, rest), y + k, rest);
        }
    }
}
