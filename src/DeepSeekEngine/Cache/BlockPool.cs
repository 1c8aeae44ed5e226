namespace DeepSeekEngine.Cache;

/// <summary>The free blocks of a cache, each of <see cref="BlockSize"/> tokens. Not thread-safe: the engine loop owns it.</summary>
internal sealed class BlockPool
{
    /// <summary>
    /// Tokens a block: small enough that a sequence wastes little of its last one, large enough that block tables stay short.
    /// </summary>
    public const int BlockSize = 16;

    private readonly int[] _free;

    public BlockPool(int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        _free = new int[blocks];
        for (var i = 0; i < blocks; i++)
        {
            _free[i] = blocks - 1 - i;
        }

        FreeBlocks = blocks;
    }

    public int Blocks => _free.Length;

    public int FreeBlocks { get; private set; }

    public static int BlocksFor(int tokens) => (tokens + BlockSize - 1) / BlockSize;

    public int Take()
        => FreeBlocks > 0 ? _free[--FreeBlocks] : throw new InvalidOperationException("The cache has no free block; admit less.");

    public void Return(int block) => _free[FreeBlocks++] = block;
}
