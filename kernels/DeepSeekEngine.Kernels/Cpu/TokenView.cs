namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// The tokens of a step, and where the cache keeps their sequences. The tables are data from elsewhere: whatever is read from them is
/// checked before it becomes an address.
/// </summary>
internal readonly unsafe struct TokenView
{
    public required int* Positions { get; init; }

    public required int* Sequences { get; init; }

    public required int* BlockTables { get; init; }

    /// <summary>Rows of <see cref="BlockTables"/>.</summary>
    public required int TableCount { get; init; }

    public required int BlockTableStride { get; init; }

    public required int BlockSize { get; init; }

    /// <summary>Rows any cache of this step has; 0 where no cache is used.</summary>
    public required long CacheRows { get; init; }

    /// <summary>The position of token t, which must be below <paramref name="limit"/>.</summary>
    public int Position(int token, int limit = int.MaxValue)
    {
        int position = Positions[token];
        if ((uint)position >= (uint)limit)
        {
            throw new ArgumentOutOfRangeException(nameof(token), $"Token {token} has position {position}, not one of 0 .. {limit - 1}.");
        }

        return position;
    }

    /// <summary>The cache row of a position in the sequence of token t.</summary>
    public long CacheRow(int token, int position)
    {
        int sequence = Sequences[token];
        int column = position / BlockSize;
        if ((uint)sequence >= (uint)TableCount || (uint)column >= (uint)BlockTableStride)
        {
            throw new ArgumentOutOfRangeException(
                nameof(token),
                $"Token {token}: sequence {sequence}, position {position} is outside block tables of {TableCount} x {BlockTableStride} "
              + $"blocks of {BlockSize}.");
        }

        long row = (long)BlockTables[(long)sequence * BlockTableStride + column] * BlockSize + position % BlockSize;
        if ((ulong)row >= (ulong)CacheRows)
        {
            throw new ArgumentOutOfRangeException(
                nameof(token), $"Token {token}, position {position}: cache row {row} does not exist; there are {CacheRows}.");
        }

        return row;
    }
}
