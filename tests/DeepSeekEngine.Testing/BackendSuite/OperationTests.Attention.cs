using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <content>Shapes of attention, and steps over a cache.</content>
public abstract partial class OperationTests
{
    protected const int Positions = 130;

    // Heads, nope, rope, value, latent.
    protected static readonly object[] MlaShapes =
    [
        new[] { 1, 1, 2, 1, 1 },
        new[] { 3, 5, 6, 7, 21 },
        new[] { 6, 16, 8, 24, 40 },
    ];

    // More heads and wider rows than a group of a kernel takes at once, or fewer and narrower than it holds.
    protected static readonly object[] LargeMlaShapes =
    [
        new[] { 21, 12, 8, 16, 20 },
        new[] { 2, 8, 4, 140, 524 },
        new[] { 1, 3, 2, 5, 2301 },
    ];

    // Latent attention as above, and grouped-query attention: query heads, key-value heads, width.
    protected static readonly object[] AttentionShapes = [.. MlaShapes, new[] { 3, 3, 2 }, new[] { 6, 2, 10 }, new[] { 8, 1, 16 }];

    protected static readonly object[] LargeAttentionShapes = [.. LargeMlaShapes, new[] { 42, 2, 12 }, new[] { 7, 1, 144 }, new[] { 28, 4, 64 }];

    // The last sequence is longer than a kernel's block of positions; tokens are in no particular order.
    protected static readonly int[] SequenceLengths = [1, 9, 6, Positions];

    protected static readonly (int Sequence, int Position)[] StepTokens =
        [(1, 7), (1, 8), (0, 0), (3, 129), (2, 5), (3, 0), (3, 63), (2, 0), (3, 64)];

    internal static MlaShape Shape(int[] sizes) => new()
    {
        Heads = sizes[0],
        Nope = sizes[1],
        Rope = sizes[2],
        Value = sizes[3],
        Latent = sizes[4],
        Scale = 0.37f,
    };

    /// <summary>Attention to a cache: five sizes are latent attention's, three those of <see cref="Grouped"/>.</summary>
    internal static AttentionShape Cached(int[] sizes) => sizes.Length == 3 ? Grouped(sizes[0], sizes[1], sizes[2]) : Shape(sizes).Absorbed;

    /// <summary>The same of attention to tiles.</summary>
    internal static AttentionShape Expanded(int[] sizes) => sizes.Length == 3 ? Cached(sizes) : Shape(sizes).Expanded;

    /// <summary>Grouped-query attention of heads that are all equally wide.</summary>
    internal static AttentionShape Grouped(int heads, int keyValueHeads, int width) => new()
    {
        Heads = heads,
        KeyValueHeads = keyValueHeads,
        Key = width,
        Value = width,
        ValueOffset = width,
        Scale = 0.37f,
    };

    internal TestStep NewStep((int Sequence, int Position)[]? tokens = null)
        => Own(new TestStep(Backend, Random, SequenceLengths, tokens ?? StepTokens));

    /// <summary>[positions, r] cos and sin of random angles.</summary>
    internal float[] Angles(MlaShape shape)
    {
        float[] table = Values(Positions * shape.Rope);
        for (int i = 0; i < table.Length; i += 2)
        {
            (table[i + 1], table[i]) = MathF.SinCos(table[i] * 10);
        }

        return table;
    }

    /// <summary>[positions, width] cosines, then sines, of random angles.</summary>
    internal float[] HalfAngles(int width)
    {
        float[] table = Values(Positions * width);
        for (int i = 0; i < table.Length; i++)
        {
            if (i % width < width / 2)
            {
                (table[i + width / 2], table[i]) = MathF.SinCos(table[i] * 10);
            }
        }

        return table;
    }

    /// <summary>Dense cache rows: random where a sequence has a position, NaN elsewhere.</summary>
    internal float[] FilledCache(TestStep step, int width)
    {
        var cache = new float[step.CacheRows * width];
        Array.Fill(cache, float.NaN);
        for (int s = 0; s < SequenceLengths.Length; s++)
        {
            for (int p = 0; p < SequenceLengths[s]; p++)
            {
                Values(width).CopyTo(cache, step.Row(s, p) * width);
            }
        }

        return cache;
    }

    /// <summary>What <see cref="IBackend.CachedAttention"/> is to leave.</summary>
    private protected static double[] Contexts(TestStep step, float[] queries, float[] cache, AttentionShape shape)
    {
        List<double> expected = [];
        for (int t = 0; t < step.Tokens.Length; t++)
        {
            double[] seen = Seen(step, t, cache, shape.Row);
            for (int h = 0; h < shape.Heads; h++)
            {
                expected.AddRange(ScalarAttention.Context(
                    Wide(queries).AsSpan((t * shape.Heads + h) * shape.Key, shape.Key), seen, h, shape));
            }
        }

        return [.. expected];
    }

    private static double[] Seen(TestStep step, int token, float[] cache, int width)
    {
        (int sequence, int position) = step.Tokens[token];
        return [.. Enumerable.Range(0, position + 1)
            .SelectMany(p => cache.Skip(step.Row(sequence, p) * width).Take(width))
            .Select(v => (double)v)];
    }
}
