namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// y[t] = silu(gate[t]) * up[t], silu(x) = x / (1 + exp(-x)); all [count, d]; y may be gate.
/// A task is <see cref="Block"/> columns of a token.
/// </summary>
internal readonly unsafe struct SwiGluJob : IParallelJob
{
    public const int Block = 1024;

    public required Rows Gate { get; init; }

    public required Rows Up { get; init; }

    public required Rows Y { get; init; }

    public static int TasksPerToken(int width) => (width + Block - 1) / Block;

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int blocks = TasksPerToken(Gate.Width);
        for (int task = start; task < end; task++)
        {
            int t = task / blocks;
            int column = task % blocks * Block;
            Run<TLanes>(Gate[t] + column, Up[t] + column, Y[t] + column, Math.Min(Block, Gate.Width - column));
        }
    }

    /// <summary>One run of values. A value's result does not depend on its place in the run.</summary>
    public static void Run<TLanes>(float* gate, float* up, float* y, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int k = 0;
        for (; k + TLanes.Count <= width; k += TLanes.Count)
        {
            TLanes.Store(Apply(TLanes.Load(gate + k), TLanes.Load(up + k)), y + k);
        }

        if (k < width)
        {
            int rest = width - k;
            PartialLanes.Store(Apply(PartialLanes.Load<TLanes>(gate + k, rest), PartialLanes.Load<TLanes>(up + k, rest)), y + k, rest);
        }
    }

    private static TLanes Apply<TLanes>(TLanes gate, TLanes up)
        where TLanes : unmanaged, ILanes<TLanes>
        => gate / (TLanes.Broadcast(1) + TLanes.Exp(gate * TLanes.Broadcast(-1))) * up;
}
