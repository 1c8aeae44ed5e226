namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// The positions each token of a step attends to, divided into splits that are computed apart and joined. Where a token is divided
/// depends on its position only, so that its result is the same in any step and with any number of threads.
/// </summary>
internal readonly unsafe struct AttentionSplits
{
    /// <summary>Splits a token has at most: enough for many threads, few enough that joining them costs little.</summary>
    public const int Most = 32;

    // Below this a split's queries and partial result weigh too much.
    private const int Shortest = 192;

    private readonly TokenView tokens;
    private readonly int heads;
    private readonly int value;
    private readonly int tokenCount;
    private readonly int* firsts;
    private readonly float* parts;

    /// <param name="memory"><see cref="ByteLength"/> bytes.</param>
    public AttentionSplits(byte* memory, in TokenView tokens, in AttentionShape shape, int count)
    {
        this.tokens = tokens;
        heads = shape.Heads;
        value = shape.Value;
        tokenCount = count;
        firsts = (int*)memory;
        parts = (float*)(memory + HeaderBytes(count));
        int total = 0;
        for (int t = 0; t < count; t++)
        {
            firsts[t] = total;
            total += CountAt(tokens.Position(t));
        }

        firsts[count] = total;
    }

    /// <summary>Splits of all tokens.</summary>
    public int Total => firsts[tokenCount];

    /// <summary>Memory for the splits of so many tokens and what is found in them.</summary>
    public static long ByteLength(in AttentionShape shape, int count, int splits)
        => checked(HeaderBytes(count) + (long)splits * PartLength(shape.Heads, shape.Value) * sizeof(float));

    /// <summary>Splits of a token at a position.</summary>
    public static int CountAt(int position) => (int)((position + (long)LengthAt(position)) / LengthAt(position));

    /// <summary>The number of a token's first split.</summary>
    public int First(int token) => firsts[token];

    public int Count(int token) => firsts[token + 1] - firsts[token];

    /// <summary>The token a split is of.</summary>
    public int Token(int split)
    {
        int low = 0, high = tokenCount - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = firsts[middle] <= split ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>The first position of a split.</summary>
    public int Start(int split, int token) => (split - firsts[token]) * LengthAt(tokens.Position(token));

    /// <summary>The position after the last of a split.</summary>
    public int End(int split, int token)
        => (int)Math.Min(tokens.Position(token) + 1L, Start(split, token) + (long)LengthAt(tokens.Position(token)));

    /// <summary>[H, v] sum exp(score - maximum) value.</summary>
    public float* Context(int split) => parts + split * PartLength(heads, value);

    /// <summary>[H] the largest scores.</summary>
    public float* Maximum(int split) => Context(split) + (long)heads * value;

    /// <summary>[H] sum exp(score - maximum).</summary>
    public float* Sum(int split) => Maximum(split) + heads;

    /// <summary>Whole blocks, as even as they go.</summary>
    private static int LengthAt(int position)
    {
        long positions = position + 1L;
        long splits = Math.Clamp((positions + Shortest - 1) / Shortest, 1, Most);
        long length = (positions + splits - 1) / splits;
        return (int)((length + QueryLanes.Block - 1) / QueryLanes.Block * QueryLanes.Block);
    }

    private static long PartLength(int heads, int value) => (long)heads * (value + 2);

    // Up to a cache line's end, where the first part begins.
    private static long HeaderBytes(int count) => ((count + 1L) * sizeof(int) + 63) & ~63L;
}
