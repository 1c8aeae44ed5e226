namespace DeepSeekEngine.Cache;

/// <summary>
/// Where a sequence's tokens lie in the cache: position p is row Blocks[p / BlockSize] * BlockSize + p % BlockSize of every layer.
/// Its full blocks can be shared with other sequences; only a position behind them is ever written.
/// </summary>
internal sealed class BlockTable(BlockPool pool, int maxTokens) : IDisposable
{
    private readonly int[] _blocks = new int[BlockPool.BlocksFor(maxTokens)];
    private int _count;
    private int _indexed;
    private long _serial = BlockPool.Root;

    public ReadOnlySpan<int> Blocks => _blocks.AsSpan(0, _count);

    /// <summary>Takes blocks from the pool until the table holds <paramref name="tokens"/> positions.</summary>
    /// <exception cref="InvalidOperationException">The pool is empty.</exception>
    public void Reserve(int tokens)
    {
        if (!TryReserve(tokens))
        {
            throw new InvalidOperationException("The cache has too few free blocks; admit less.");
        }
    }

    /// <summary>As <see cref="Reserve"/>; false, and nothing taken, if the pool has too few free blocks.</summary>
    public bool TryReserve(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, maxTokens);
        var needed = BlockPool.BlocksFor(tokens);
        if (needed - _count > pool.FreeBlocks)
        {
            return false;
        }

        while (_count < needed)
        {
            _blocks[_count++] = pool.Take();
        }

        return true;
    }

    /// <summary>
    /// Appends the blocks that hold the tokens next in the sequence, as far as there are any; none unless the table's own blocks are all
    /// full and indexed.
    /// </summary>
    /// <param name="tokens">The sequence from its beginning; it is matched in whole blocks.</param>
    /// <returns>Positions gained.</returns>
    public int Share(ReadOnlySpan<int> tokens)
    {
        var before = _count;
        while (_indexed == _count && (_count + 1) * BlockPool.BlockSize <= tokens.Length)
        {
            var block = pool.Find(_serial, BlockTokens(tokens, _count));
            if (block < 0)
            {
                break;
            }

            pool.Reference(block);
            _blocks[_count++] = block;
            _indexed = _count;
            _serial = pool.Serial(block);
        }

        return (_count - before) * BlockPool.BlockSize;
    }

    /// <summary>Lets others find the blocks that are full by now.</summary>
    /// <param name="tokens">The sequence as far as it is computed.</param>
    public void Index(ReadOnlySpan<int> tokens)
    {
        for (; (_indexed + 1) * BlockPool.BlockSize <= tokens.Length; _indexed++)
        {
            _serial = pool.Index(_blocks[_indexed], _serial, BlockTokens(tokens, _indexed));
        }
    }

    /// <summary>Returns every block to the pool; the table may be used again.</summary>
    public void Dispose()
    {
        // The end first: it is forgotten first, and without its beginning it could not be found.
        while (_count > 0)
        {
            pool.Return(_blocks[--_count]);
        }

        _indexed = 0;
        _serial = BlockPool.Root;
    }

    private static ReadOnlySpan<int> BlockTokens(ReadOnlySpan<int> tokens, int block)
        => tokens.Slice(block * BlockPool.BlockSize, BlockPool.BlockSize);
}
