namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[t] = x[rows[t]]; x has <see cref="Available"/> rows. A task is a row of y.</summary>
internal readonly unsafe struct GatherRowsJob : IParallelJob
{
    public required Rows X { get; init; }

    public required int* RowNumbers { get; init; }

    public required long Available { get; init; }

    public required Rows Y { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int row = RowNumbers[t];
            if ((ulong)row >= (ulong)Available)
            {
                throw new ArgumentOutOfRangeException(nameof(RowNumbers), $"Row {t} is {row}; there are rows 0 .. {Available - 1}.");
            }

            new ReadOnlySpan<float>(X[row], X.Width).CopyTo(new Span<float>(Y[t], X.Width));
        }
    }
}
