using System.Numerics;
using System.Runtime.InteropServices;

namespace DeepSeekEngine.Constraints;

/// <summary>Sets of tokens, a bit each: token t is bit t % 64 of word t / 64.</summary>
internal static class TokenMask
{
    public static void Add(Span<ulong> mask, int token) => mask[token / 64] |= 1UL << (token % 64);

    public static void Remove(Span<ulong> mask, int token) => mask[token / 64] &= ~(1UL << (token % 64));

    public static bool Contains(ReadOnlySpan<ulong> mask, int token) => (mask[token / 64] & (1UL << (token % 64))) != 0;

    public static int Count(ReadOnlySpan<ulong> mask)
    {
        var count = 0;
        foreach (var word in mask)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    /// <summary>The tokens, in order.</summary>
    public static int[] Tokens(ReadOnlySpan<ulong> mask)
    {
        var tokens = new int[Count(mask)];
        var written = 0;
        for (var word = 0; word < mask.Length; word++)
        {
            for (var bits = mask[word]; bits != 0; bits &= bits - 1)
            {
                tokens[written++] = (word * 64) + BitOperations.TrailingZeroCount(bits);
            }
        }

        return tokens;
    }

    /// <summary>Makes the logits of all tokens that are not allowed negative infinity.</summary>
    /// <param name="allowed">The tokens that are.</param>
    /// <param name="logits">[tokens]: no more than <paramref name="allowed"/> has bits.</param>
    public static void Apply(ReadOnlySpan<ulong> allowed, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(logits.Length, allowed.Length * 64, nameof(logits));
        Span<int> bits = stackalloc int[Vector<int>.Count];
        for (var lane = 0; lane < bits.Length; lane++)
        {
            bits[lane] = 1 << lane;
        }

        var selectors = new Vector<int>(bits);
        var word = 0;
        for (; (word + 1) * 64 <= logits.Length; word++)
        {
            var part = logits.Slice(word * 64, 64);
            switch (allowed[word])
            {
                case 0:
                    part.Fill(float.NegativeInfinity);
                    break;
                case ulong.MaxValue:
                    break;
                default:
                    ApplyWord(allowed[word], selectors, part);
                    break;
            }
        }

        for (var token = word * 64; token < logits.Length; token++)
        {
            if (!Contains(allowed, token))
            {
                logits[token] = float.NegativeInfinity;
            }
        }
    }

    private static void ApplyWord(ulong allowed, Vector<int> selectors, Span<float> logits)
    {
        foreach (ref var lanes in MemoryMarshal.Cast<float, Vector<float>>(logits))
        {
            var isDenied = Vector.Equals(new Vector<int>((int)allowed) & selectors, Vector<int>.Zero);
            lanes = Vector.ConditionalSelect(isDenied, new Vector<float>(float.NegativeInfinity), lanes);
            allowed >>= Vector<int>.Count;
        }
    }
}
