namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[i] = the values of the cache row of position First + i of the sequence of token 0. A task is a row.</summary>
internal readonly unsafe struct GatherCacheJob : IParallelJob
{
    public required CacheRows Cache { get; init; }

    public required TokenView Tokens { get; init; }

    public required int First { get; init; }

    public required Rows Y { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int i = start; i < end; i++)
        {
            long row = Tokens.CacheRow(0, First + i);
            for (int head = 0; head < Cache.Layout.Shape.KeyValueHeads; head++)
            {
                Cache.Load<TLanes>(Cache.Part(row, head), Y[i] + (long)head * Cache.Layout.Shape.RowHead);
            }
        }
    }
}
