namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Rotates in place the last r values of each head of q [count, H * (n + r)] by its token's position. A task is a token.</summary>
internal readonly unsafe struct RotateQueriesJob : IParallelJob
{
    public required Rows Q { get; init; }

    /// <summary>[RopePositions, r].</summary>
    public required float* RopeTable { get; init; }

    public required int RopePositions { get; init; }

    public required TokenView Tokens { get; init; }

    public required MlaShape Shape { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            float* angles = RopeTable + (long)Tokens.Position(t, RopePositions) * Shape.Rope;
            float* q = Q[t] + Shape.Nope;
            for (int h = 0; h < Shape.Heads; h++, q += Shape.QueryHead)
            {
                Rope.Rotate(q, angles, q, Shape.Rope);
            }
        }
    }
}
