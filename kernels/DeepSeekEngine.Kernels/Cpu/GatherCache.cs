namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[i] = the cache row of position First + i of the sequence of token 0. A task is a row.</summary>
internal readonly unsafe struct GatherCacheJob : IParallelJob
{
    public required Rows Cache { get; init; }

    public required TokenView Tokens { get; init; }

    public required int First { get; init; }

    public required Rows Y { get; init; }

    /// <summary>Whether the cache is of bfloat16.</summary>
    public required bool BFloat16 { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int i = start; i < end; i++)
        {
            float* row = Cache.Data + Tokens.CacheRow(0, First + i) * Cache.Stride;
            if (BFloat16)
            {
                CacheRows.Widen<TLanes>((ushort*)row, Y.Width, Y[i]);
            }
            else
            {
                new ReadOnlySpan<float>(row, Cache.Width).CopyTo(new Span<float>(Y[i], Cache.Width));
            }
        }
    }
}
