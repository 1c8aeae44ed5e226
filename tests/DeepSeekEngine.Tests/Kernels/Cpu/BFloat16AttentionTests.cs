using System.Runtime.InteropServices;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using DeepSeekEngine.Tests.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>
/// Attention over a cache of bfloat16, by the emitted functions where the processor has the instructions and by their twins. Blocks of
/// cache of 16 are read where they lie, smaller ones are not.
/// </summary>
public sealed class BFloat16AttentionTests : IDisposable
{
    /// <summary>Of the largest magnitude: the softmax's weights are rounded, half a unit in the ninth bit, and differ in sign.</summary>
    private const double Tolerance = 4e-3;

    private const int Positions = 430;

    // Heads, nope, rope, value, latent: all odd; more heads than lie side by side; as published.
    private static readonly int[][] Shapes = [[3, 5, 6, 7, 21], [19, 16, 8, 24, 40], [16, 128, 64, 128, 512]];

    // And grouped: values apart from keys, not and just as wide as what is multiplied together; as published.
    private static readonly int[][] AttentionShapes = [.. Shapes, [6, 3, 10], [36, 2, 32], [14, 2, 128]];

    private static readonly int[] Lengths = [1, 9, Positions];

    private static readonly (int Sequence, int Position)[] Tokens = [(2, Positions - 1), (1, 7), (0, 0), (2, 15), (2, 96), (2, 191), (1, 8)];

    private readonly List<IDisposable> owned = [];

    public void Dispose() => owned.ForEach(resource => resource.Dispose());

    [Test]
    public void What_is_appended_and_gathered_is_that_of_float32_rounded([Values] bool emitted, [ValueSource(nameof(Shapes))] int[] sizes)
    {
        MlaShape shape = BackendOperationTests.Shape(sizes);
        float[] exact = AppendAndGather(new SimdBackend(2), shape);
        float[] rounded = AppendAndGather(Backend(emitted), shape);
        Assert.That(rounded, Is.EqualTo(Array.ConvertAll(exact, ScalarBFloat16.Rounded)));
    }

    [Test]
    public void What_is_completed_and_gathered_is_that_of_float32_rounded([Values] bool emitted, [Values(10, 128)] int width)
    {
        AttentionShape shape = BackendOperationTests.Grouped(6, 3, width);
        float[] exact = CompleteAndGather(new SimdBackend(2), shape);
        float[] rounded = CompleteAndGather(Backend(emitted), shape);
        Assert.That(rounded, Is.EqualTo(Array.ConvertAll(exact, ScalarBFloat16.Rounded)));
    }

    [Test]
    public void The_cache_is_attended_to_as_if_only_weights_were_rounded(
        [Values] bool emitted, [ValueSource(nameof(AttentionShapes))] int[] sizes, [Values(4, 16, 32)] int blockSize)
    {
        AttentionShape shape = BackendOperationTests.Cached(sizes) with { Scale = 0.05f };
        using SimdBackend backend = Backend(emitted);
        TestStep step = Step(backend, blockSize, Tokens);
        float[] cache = Cache(step, shape.Row), all = Values(Tokens.Length * shape.Heads * shape.Key);
        Activations queries = Upload(backend, all, shape.Heads * shape.Key), rows = UploadCache(backend, cache, shape);
        Activations context = Upload(backend, new float[Tokens.Length * shape.Heads * shape.Value], shape.Heads * shape.Value);
        backend.CachedAttention(queries, rows, step.View, shape, context, Tokens.Length);
        float[] together = Download(context);
        BackendOperationTests.AssertClose(together, ExpectedContexts(step, cache, all, shape), Tolerance);

        for (var t = 0; t < Tokens.Length; t++)
        {
            backend.CachedAttention(queries.From(t), rows, step.View.From(t), shape, context.From(t), 1);
        }

        Assert.That(Download(context), Is.EqualTo(together), "each token alone");
    }

    [Test]
    public void Expanded_keys_and_values_are_attended_to_as_if_only_weights_were_rounded(
        [Values] bool emitted, [ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = BackendOperationTests.Expanded(sizes) with { Scale = 0.05f };
        using SimdBackend backend = Backend(emitted);
        (int Sequence, int Position)[] tokens = [.. Enumerable.Range(Positions - 150, 150).Select(p => (2, p)), (2, 2), (2, 66), (2, 67)];
        TestStep step = Step(backend, 16, tokens);
        int width = shape.Heads * shape.Value;
        float[] keyValues = Values(Positions * shape.Row), sharedKeys = Values(Positions * shape.SharedKey);
        float[] q = Values(tokens.Length * shape.Heads * shape.QueryHead);
        float[] together = Expand(0, tokens.Length);
        List<double> expected = [];
        (double[] wideQ, double[] wideKeyValues, double[] wideSharedKeys) = (Rounded(q), Rounded(keyValues), Rounded(sharedKeys));
        for (var t = 0; t < tokens.Length; t++)
        {
            int seen = tokens[t].Position + 1;
            for (var h = 0; h < shape.Heads; h++)
            {
                (_, double sum, double[] values) = ScalarAttention.Expanded(
                    wideQ.AsSpan((t * shape.Heads + h) * shape.QueryHead, shape.QueryHead), wideKeyValues.AsSpan(0, seen * shape.Row),
                    wideSharedKeys.AsSpan(0, seen * shape.SharedKey), h, shape);
                expected.AddRange(values.Select(value => value / sum));
            }
        }

        BackendOperationTests.AssertClose(together, [.. expected], Tolerance);
        foreach ((int first, int count) in (ReadOnlySpan<(int, int)>)[(0, 1), (3, 20), (130, tokens.Length - 130)])
        {
            Range part = (first * width)..((first + count) * width);
            Assert.That(Expand(first, count)[part], Is.EqualTo(together[part]), $"{count} tokens from {first} on");
        }

        float[] Expand(int first, int count)
        {
            Activations state = Upload(backend, new float[tokens.Length * shape.Heads * 2], shape.Heads * 2);
            Activations heads = Upload(backend, new float[tokens.Length * width], width);
            foreach ((int start, int length) in (ReadOnlySpan<(int, int)>)[(0, 67), (67, 256), (323, Positions - 323)])
            {
                backend.ExpandedAttention(
                    Upload(backend, q, shape.Heads * shape.QueryHead).From(first), Upload(backend, keyValues, shape.Row).From(start),
                    shape.SharedKey > 0 ? Upload(backend, sharedKeys, shape.SharedKey).From(start) : default, step.View.From(first), shape,
                    start, length, start == 0, start == 323, state.From(first), heads.From(first), count);
            }

            return Download(heads);
        }
    }

    /// <summary>What the emulated processor is asked for, here where there is such a processor.</summary>
    [Test]
    public void Functions_agree_with_their_twins_to_the_last_bit([Values] AttentionFunction function)
    {
        BFloat16AttentionFunctions functions = TestedKernels.Of(emitted: true).Attention;
        foreach (AttentionCase operands in AttentionCase.All(function))
        {
            Assert.That(operands.Result(functions), Is.EqualTo(operands.Expected()), $"{operands}");
        }
    }

    private float[] AppendAndGather(SimdBackend backend, MlaShape shape)
    {
        using (backend)
        {
            (int Sequence, int Position)[] tokens = [.. Enumerable.Range(0, 40).Select(p => (2, p))];
            TestStep step = Step(backend, 4, tokens);
            float[] kv = Values(tokens.Length * shape.CacheRow), norm = Values(shape.Latent);
            int length = new CacheLayout(backend.CachePrecision, shape.Absorbed).Length;
            Activations cache = Upload(backend, new float[step.CacheRows * length], length);
            Activations latents = Upload(backend, new float[tokens.Length * shape.CacheRow], shape.CacheRow);
            backend.AppendLatents(
                Upload(backend, kv, shape.CacheRow), Upload(backend, norm, 1).Array, 1e-6f,
                Upload(backend, Values(40 * shape.Rope), shape.Rope).Array, step.View, shape, cache, tokens.Length);
            backend.GatherCache(cache, step.View, shape.Absorbed, 0, latents, tokens.Length);
            return Download(latents);
        }
    }

    private float[] CompleteAndGather(SimdBackend backend, AttentionShape shape)
    {
        using (backend)
        {
            (int Sequence, int Position)[] tokens = [.. Enumerable.Range(0, 40).Select(p => (2, p))];
            TestStep step = Step(backend, 4, tokens);
            int queryWidth = shape.Heads * shape.Key, keyWidth = shape.KeyValueHeads * shape.Key;
            int length = new CacheLayout(backend.CachePrecision, shape).Length;
            Activations cache = Upload(backend, new float[step.CacheRows * length], length);
            Activations gathered = Upload(backend, new float[tokens.Length * shape.Row], shape.Row);
            DeviceArray<float> Vector(int width) => Upload(backend, Values(width), 1).Array;
            backend.AppendKeyValues(
                Upload(backend, Values(tokens.Length * queryWidth), queryWidth), Upload(backend, Values(tokens.Length * keyWidth), keyWidth),
                Upload(backend, Values(tokens.Length * keyWidth, seed: 8), keyWidth),
                new(Vector(queryWidth), Vector(keyWidth), Vector(keyWidth), Vector(shape.Key), Vector(shape.Key), 1e-6f),
                Vector(40 * shape.Key), step.View, shape, cache, tokens.Length);
            backend.GatherCache(cache, step.View, shape, 0, gathered, tokens.Length);
            return Download(gathered);
        }
    }

    private static double[] ExpectedContexts(TestStep step, float[] cache, float[] queries, AttentionShape shape)
    {
        double[] wide = Rounded(queries), rows = Rounded(cache);
        List<double> expected = [];
        for (var t = 0; t < step.Tokens.Length; t++)
        {
            (int sequence, int position) = step.Tokens[t];
            double[] seen = [.. Enumerable.Range(0, position + 1)
                .SelectMany(p => rows.AsSpan(step.Row(sequence, p) * shape.Row, shape.Row).ToArray())];
            for (var h = 0; h < shape.Heads; h++)
            {
                expected.AddRange(ScalarAttention.Context(wide.AsSpan((t * shape.Heads + h) * shape.Key, shape.Key), seen, h, shape));
            }
        }

        return [.. expected];
    }

    /// <summary>Random where a sequence has a position, NaN elsewhere.</summary>
    private static float[] Cache(TestStep step, int width)
    {
        var cache = new float[step.CacheRows * width];
        Array.Fill(cache, float.NaN);
        for (var s = 0; s < Lengths.Length; s++)
        {
            for (var p = 0; p < Lengths[s]; p++)
            {
                Values(width, seed: s * Positions + p).CopyTo(cache, step.Row(s, p) * width);
            }
        }

        return cache;
    }

    private Activations UploadCache(SimdBackend backend, float[] cache, AttentionShape shape)
    {
        int width = shape.Row, length = new CacheLayout(backend.CachePrecision, shape).Length;
        var rows = new float[cache.Length / width * length];
        Span<ushort> stored = MemoryMarshal.Cast<float, ushort>(rows.AsSpan());
        for (var i = 0; i < cache.Length; i++)
        {
            stored[i / width * length * 2 + i % width] = ScalarBFloat16.Round(cache[i]);
        }

        return Upload(backend, rows, length);
    }

    private TestStep Step(SimdBackend backend, int blockSize, (int Sequence, int Position)[] tokens)
    {
        var step = new TestStep(backend, new Random(5), Lengths, tokens, blockSize);
        owned.Add(step);
        return step;
    }

    private Activations Upload(SimdBackend backend, float[] values, int width)
    {
        DeviceArray<float> array = backend.Allocate<float>(values.Length);
        owned.Add(array);
        array.Upload(values);
        return Activations.Dense(array, width);
    }

    private static float[] Download(Activations activations)
    {
        var values = new float[activations.Array.Length];
        activations.Array.Download(values);
        return values;
    }

    private static float[] Values(int count, int seed = 7)
    {
        var random = new Random(seed + count);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    private static double[] Rounded(float[] values) => Array.ConvertAll(values, value => (double)ScalarBFloat16.Rounded(value));

    private static SimdBackend Backend(bool emitted) => new(2, bfloat16: TestedKernels.Of(emitted));
}
