using System.Runtime.InteropServices;

namespace DeepSeekEngine.Cache;

/// <summary>
/// The blocks of a cache, each of <see cref="BlockSize"/> tokens: counted references, and an index of full blocks by the tokens they
/// and all blocks before them hold, so that sequences with a common beginning share them. A block nobody references keeps its content
/// until it is needed; the one released longest ago is taken first. Allocates nothing once made. Not thread-safe: the engine loop owns it.
/// </summary>
internal sealed class BlockPool
{
    /// <summary>
    /// Tokens a block: small enough that a sequence wastes little of its last one, large enough that block tables stay short.
    /// </summary>
    public const int BlockSize = 16;

    /// <summary>The serial of what comes before a sequence's first block.</summary>
    public const long Root = 0;

    // The unreferenced blocks are a ring through this element, which is no block.
    private readonly int _ring;
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly int[] _references;
    private readonly Content[] _contents;
    private readonly int[] _tokens;
    private readonly Dictionary<ulong, int> _index;
    private long _lastSerial = Root;

    public BlockPool(int blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocks);
        Blocks = FreeBlocks = _ring = blocks;
        _next = new int[blocks + 1];
        _previous = new int[blocks + 1];
        _references = new int[blocks];
        _contents = new Content[blocks];
        _tokens = new int[checked(blocks * BlockSize)];
        _index = new Dictionary<ulong, int>(blocks);
        for (var i = 0; i <= blocks; i++)
        {
            _next[i] = i == blocks ? 0 : i + 1;
            _previous[i] = i == 0 ? blocks : i - 1;
        }
    }

    public int Blocks { get; }

    /// <summary>Blocks nobody references, whether they hold something or not.</summary>
    public int FreeBlocks { get; private set; }

    public static int BlocksFor(int tokens) => (int)(((long)tokens + BlockSize - 1) / BlockSize);

    /// <summary>References an unreferenced block; what it held is forgotten.</summary>
    /// <exception cref="InvalidOperationException">Every block is referenced.</exception>
    public int Take()
    {
        var block = _next[_ring];
        if (block == _ring)
        {
            throw new InvalidOperationException("The cache has no free block; admit less.");
        }

        ref var content = ref _contents[block];
        if (content.Serial != Root)
        {
            _index.Remove(content.Hash);
            content = default;
        }

        Reference(block);
        return block;
    }

    /// <summary>References a block once more.</summary>
    public void Reference(int block)
    {
        if (_references[block]++ == 0)
        {
            (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
            FreeBlocks--;
        }
    }

    /// <summary>Takes one reference back.</summary>
    public void Return(int block)
    {
        if (--_references[block] > 0)
        {
            return;
        }

        // Empty blocks are used up before anything is forgotten.
        var after = _contents[block].Serial == Root ? _ring : _previous[_ring];
        (_previous[block], _next[block]) = (after, _next[after]);
        (_previous[_next[block]], _next[after]) = (block, block);
        FreeBlocks++;
    }

    /// <summary>The block that holds these tokens after the block with that serial; -1 if none does.</summary>
    /// <param name="tokens"><see cref="BlockSize"/> of them.</param>
    public int Find(long parent, ReadOnlySpan<int> tokens)
        => _index.TryGetValue(Hash(parent, tokens), out var block)
            && _contents[block].Parent == parent && tokens.SequenceEqual(Tokens(block)) ? block : -1;

    /// <summary>The number of what a block holds: no other content ever had or will have it.</summary>
    public long Serial(int block) => _contents[block].Serial;

    /// <summary>Says what a block holds, so that it can be found.</summary>
    /// <param name="tokens"><see cref="BlockSize"/> of them.</param>
    /// <returns>The serial of the block that is found for these tokens: another's if it was there first.</returns>
    public long Index(int block, long parent, ReadOnlySpan<int> tokens)
    {
        var hash = Hash(parent, tokens);
        ref var indexed = ref CollectionsMarshal.GetValueRefOrAddDefault(_index, hash, out var exists);
        if (exists)
        {
            // Of two contents with one hash the first stays; the other is only not found.
            return _contents[indexed].Parent == parent && tokens.SequenceEqual(Tokens(indexed)) ? Serial(indexed) : ++_lastSerial;
        }

        indexed = block;
        tokens.CopyTo(Tokens(block));
        _contents[block] = new Content(++_lastSerial, parent, hash);
        return _lastSerial;
    }

    private static ulong Hash(long parent, ReadOnlySpan<int> tokens)
    {
        const ulong prime = 0x100000001B3;
        var hash = 0xCBF29CE484222325 ^ (ulong)parent;
        foreach (var token in tokens)
        {
            hash = (hash ^ (uint)token) * prime;
            hash ^= hash >> 29;
        }

        return hash;
    }

    private Span<int> Tokens(int block) => _tokens.AsSpan(block * BlockSize, BlockSize);

    /// <summary>What a full block holds. Serial is <see cref="Root"/> for a block that is not indexed.</summary>
    private readonly record struct Content(long Serial, long Parent, ulong Hash);
}
