namespace DeepSeekEngine.Backends;

/// <summary>
/// What the operations must know of each token of a step, in the backend's memory. Token t of the view is entry First + t.
/// The cache row of position p in sequence s is BlockTables[s * BlockTableStride + p / BlockSize] * BlockSize + p % BlockSize.
/// </summary>
internal readonly record struct TokenTables
{
    /// <summary>A token's position in its sequence.</summary>
    public required DeviceArray<int> Positions { get; init; }

    /// <summary>The row of <see cref="BlockTables"/> a token's sequence has in this step.</summary>
    public required DeviceArray<int> Sequences { get; init; }

    /// <summary>[sequences, BlockTableStride] block numbers in the cache's pool.</summary>
    public required DeviceArray<int> BlockTables { get; init; }

    public required int BlockTableStride { get; init; }

    /// <summary>Tokens a cache block.</summary>
    public required int BlockSize { get; init; }

    public int First { get; init; }

    /// <summary>
    /// An upper bound, known to the host, of every position in the step plus one.
    /// </summary>
    public required int MaxContext { get; init; }

    public TokenTables From(int first) => this with { First = First + first };
}
