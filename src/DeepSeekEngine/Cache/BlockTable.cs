namespace DeepSeekEngine.Cache;

/// <summary>
/// Where a sequence's tokens lie in the cache: position p is row Blocks[p / BlockSize] * BlockSize + p % BlockSize of every layer.
/// </summary>
internal sealed class BlockTable(BlockPool pool, int maxTokens) : IDisposable
{
    private readonly int[] _blocks = new int[BlockPool.BlocksFor(maxTokens)];
    private int _count;

    public ReadOnlySpan<int> Blocks => _blocks.AsSpan(0, _count);

    /// <summary>Takes blocks from the pool until the table holds <paramref name="tokens"/> positions.</summary>
    /// <exception cref="InvalidOperationException">The pool is empty.</exception>
    public void Reserve(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, maxTokens);
        for (var needed = BlockPool.BlocksFor(tokens); _count < needed; _count++)
        {
            _blocks[_count] = pool.Take();
        }
    }

    /// <summary>Returns every block to the pool; the table may be used again.</summary>
    public void Dispose()
    {
        while (_count > 0)
        {
            pool.Return(_blocks[--_count]);
        }
    }
}
