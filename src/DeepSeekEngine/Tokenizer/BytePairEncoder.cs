namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Byte-pair encoding of one piece of text: of all neighbouring pairs the one with the lowest rank is merged, the leftmost among equals,
/// until none is left. The tokens are a linked list, the pairs a heap: O(n log n) for a piece of n bytes. Not for several threads at once.
/// </summary>
/// <remarks>
/// Microsoft.ML.Tokenizers 2.0.1's BpeTokenizer gives the same tokens, but takes merged symbols out of an array one by one, which is
/// quadratic in the length of a piece (100,000 equal letters: over a second, a million: minutes), and takes half a second to build its
/// tables.
/// </remarks>
internal sealed class BytePairEncoder(MergeTable table)
{
    private const int Merged = -1;

    /// <summary>Positions of left halves, by rank and then position.</summary>
    private readonly PriorityQueue<int, long> _pairs = new();

    private int[] _tokens = [];

    private int[] _next = [];

    private int[] _previous = [];

    /// <summary>Pairs looked up in the table so far: what the time is in proportion to, but for the heap's logarithm.</summary>
    public long PairsSeen { get; private set; }

    /// <summary>Appends the tokens of <paramref name="piece"/> to <paramref name="ids"/>.</summary>
    public void Encode(ReadOnlySpan<byte> piece, List<int> ids)
    {
        int length = piece.Length;
        Reserve(length);
        for (int i = 0; i < length; i++)
        {
            _tokens[i] = table.TokenOf(piece[i]);
            _next[i] = i + 1;
            _previous[i] = i - 1;
        }

        for (int i = 0; i < length - 1; i++)
        {
            EnqueuePair(i, length);
        }

        while (_pairs.TryDequeue(out int left, out long priority))
        {
            int right = _next[left];
            if (_tokens[left] == Merged || right >= length
                || !table.TryGet(_tokens[left], _tokens[right], out Merge merge) || merge.Rank != (int)(priority >> 32))
            {
                // The pair is gone: one of its halves was merged with another neighbour.
                continue;
            }

            _tokens[left] = merge.Token;
            _tokens[right] = Merged;
            _next[left] = _next[right];
            if (_next[left] < length)
            {
                _previous[_next[left]] = left;
            }

            EnqueuePair(left, length);
            if (_previous[left] >= 0)
            {
                EnqueuePair(_previous[left], length);
            }
        }

        for (int i = 0; i < length; i = _next[i])
        {
            ids.Add(_tokens[i]);
        }
    }

    private void EnqueuePair(int left, int length)
    {
        PairsSeen++;
        int right = _next[left];
        if (right < length && table.TryGet(_tokens[left], _tokens[right], out Merge merge))
        {
            _pairs.Enqueue(left, ((long)merge.Rank << 32) | (uint)left);
        }
    }

    private void Reserve(int length)
    {
        if (_tokens.Length < length)
        {
            int capacity = Math.Max(64, Math.Max(length, (int)Math.Min(2L * _tokens.Length, Array.MaxLength)));
            _tokens = new int[capacity];
            _next = new int[capacity];
            _previous = new int[capacity];
        }
    }
}
