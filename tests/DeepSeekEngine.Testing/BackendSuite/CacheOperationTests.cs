using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>
/// What every backend must do with a cache of whatever precision: it keeps what a cache of float32 would hold, rounded as
/// <see cref="ScalarCache"/> rounds it, reads that exactly, and attends to what it reads.
/// </summary>
/// <param name="precision">The name of a <see cref="CachePrecision"/>.</param>
public abstract class CacheOperationTests(string precision) : OperationTests
{
    private IBackend? created;

    internal CachePrecision Precision { get; } = Enum.Parse<CachePrecision>(precision);

    /// <summary>Whether queries, keys and values are rounded to bfloat16 before they are multiplied, and the softmax's weights.</summary>
    internal virtual bool RoundsAttention => false;

    /// <summary>Whether quotients are rounded as IEEE 754 has it, which is not asked of OpenCL.</summary>
    internal virtual bool IsExact => true;

    /// <summary>A backend with such a cache.</summary>
    internal abstract IBackend CreateBackend(CachePrecision cache);

    internal sealed override IBackend CreateBackend() => CreateBackend(Precision);

    [OneTimeTearDown]
    public void DisposePlainBackend() => created?.Dispose();

    [Test]
    public void Latents_are_kept_as_the_cache_keeps_them([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        AssertKept(shape.Absorbed, (backend, step, cache) =>
        {
            int count = step.Tokens.Length;
            backend.AppendLatents(
                Rows(backend, Values(count * shape.CacheRow), shape.CacheRow), Vector(backend, Values(shape.Latent)), 1e-6f,
                Vector(backend, Angles(shape)), step.View, shape, cache, count);
        });
    }

    [Test]
    public void Latents_are_kept_beside_a_projection([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        TestMatrix matrix = NewMatrix(WeightEncoding.F32, 4, 8);
        AssertKept(shape.Absorbed, (backend, step, cache) =>
        {
            using Matrix loaded = backend.LoadMatrix(matrix.View);
            LatentAppend append = new(
                Rows(backend, Values(4 * shape.CacheRow), shape.CacheRow), new Norm(Vector(backend, Values(shape.Latent)), 1e-6f),
                Vector(backend, Angles(shape)), step.View, shape, cache);
            backend.ProjectQueries(
                Rows(backend, Values(4 * 8), 8), new Norm(Vector(backend, Values(8)), 1e-6f), loaded, Rows(backend, new float[16], 4), append, 4);
        });
    }

    [Test]
    public void Keys_and_values_are_kept_as_the_cache_keeps_them([Values(2, 10, 32)] int width, [Values(1, 3)] int keyValueHeads)
    {
        AttentionShape shape = Grouped(6, keyValueHeads, width);
        AssertKept(shape, (backend, step, cache) =>
        {
            int count = step.Tokens.Length, keys = keyValueHeads * width;
            backend.AppendKeyValues(
                Rows(backend, Values(count * 6 * width), 6 * width), Rows(backend, Values(count * keys), keys),
                Rows(backend, SmallValues(count * keys), keys), default, Vector(backend, HalfAngles(width)), step.View, shape, cache,
                count);
        });
    }

    [Test]
    public void What_is_kept_is_read_exactly([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes);
        TestStep step = NewStep();
        (float[] stored, float[] kept) = FilledCache(step, shape);
        Activations y = Output(17, shape.Row);
        Backend.GatherCache(Input(stored, Layout(shape).Length), step.View.From(3), shape, 6, y, 17);
        Assert.That(
            Read(y), Is.EqualTo(Enumerable.Range(6, 17).SelectMany(p => kept.Skip(step.Row(sequence: 3, p) * shape.Row).Take(shape.Row))));
    }

    [Test]
    public void What_is_kept_is_attended_to([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes) with { Scale = 0.05f };
        TestStep step = NewStep();
        int count = step.Tokens.Length;
        (float[] stored, float[] kept) = FilledCache(step, shape);
        float[] queries = Values(count * shape.Heads * shape.Key);
        Activations context = Output(count, shape.Heads * shape.Value);
        Backend.CachedAttention(
            Input(queries, shape.Heads * shape.Key), Input(stored, Layout(shape).Length), step.View, shape, context, count);
        AssertContexts(Read(context), step, queries, kept, shape);
    }

    [Test]
    public void What_is_kept_in_rows_without_gaps_is_attended_to([ValueSource(nameof(LargeAttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes) with { Scale = 0.05f };
        (int Sequence, int Position)[] tokens = IsSlow ? [(3, 66), (1, 2)] : [(3, Positions - 1), (1, 2), (3, 63), (3, 64)];
        TestStep step = NewStep(tokens);
        (float[] stored, float[] kept) = FilledCache(step, shape);
        float[] queries = Values(tokens.Length * shape.Heads * shape.Key);
        Activations context = Rows(Backend, new float[tokens.Length * shape.Heads * shape.Value], shape.Heads * shape.Value);
        Backend.CachedAttention(
            Rows(Backend, queries, shape.Heads * shape.Key), Rows(Backend, stored, Layout(shape).Length), step.View, shape, context,
            tokens.Length);
        AssertContexts(Download(context.Array), step, queries, kept, shape);
    }

    [Test]
    public void What_is_kept_is_attended_to_the_same_in_any_batch([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes);
        TestStep step = NewStep();
        Activations cache = Input(FilledCache(step, shape).Stored, Layout(shape).Length);
        Activations queries = Input(Values(step.Tokens.Length * shape.Heads * shape.Key), shape.Heads * shape.Key);
        int width = shape.Heads * shape.Value;
        AssertSameBitsInAnyBatch(step.Tokens.Length, width, (first, count) =>
        {
            Activations context = Output(step.Tokens.Length, width);
            Backend.CachedAttention(queries.From(first), cache, step.View.From(first), shape, context.From(first), count);
            return Read(context);
        });
    }

    // Zeros, numbers too small for a scale, one large among small ones, and what is no number.
    [Test]
    public void Unusual_numbers_are_kept([Values(0f, 1e-40f, 1e-30f, 1e30f, float.NaN, float.PositiveInfinity)] float unusual)
    {
        AttentionShape shape = Grouped(1, 1, 4);
        TestStep step = NewStep([(3, 0)]);
        Activations cache = Output(step.CacheRows, Layout(shape).Length);
        Backend.AppendKeyValues(
            Output(1, 4), Input([0, 0, 0, 0], 4), Input([unusual, 0, -unusual, 0], 4), default, Upload(HalfAngles(4)), step.View, shape,
            cache, 1);
        Activations y = Output(1, shape.Row);
        Backend.GatherCache(cache, step.View, shape, 0, y, 1);
        float[] values = Read(y);
        Assert.That(values[..4], Is.All.Zero);
        double allowed = Precision is CachePrecision.Float32 ? 0 : Math.Max(1e-29, unusual / 256.0);
        if (float.IsFinite(unusual))
        {
            Assert.That(values[4], Is.EqualTo(unusual).Within(allowed));
            Assert.That(values[6], Is.EqualTo(-unusual).Within(allowed));
        }
        else
        {
            Assert.That(float.IsFinite(values[4]), Is.False);
        }
    }

    [Test]
    public void A_cache_of_another_precision_is_refused()
    {
        AttentionShape shape = Grouped(4, 2, 16);
        TestStep step = NewStep();
        Activations narrow = Output(step.CacheRows, Layout(shape).Length - 1);
        Assert.That(() => Backend.GatherCache(narrow, step.View, shape, 0, Output(1, shape.Row), 1), Throws.ArgumentException);
        Assert.That(
            () => Backend.CachedAttention(Output(1, 64), narrow, step.View, shape, Output(1, 64), 1), Throws.ArgumentException);
    }

    private CacheLayout Layout(AttentionShape shape) => new(Precision, shape);

    /// <summary>Appends the same to a cache of float32 and to one of this precision, and compares what is read with the first, rounded.</summary>
    private void AssertKept(AttentionShape shape, Action<IBackend, TestStep, Activations> append)
    {
        (int Sequence, int Position)[] tokens = [.. Enumerable.Range(0, 4).Select(p => (3, p))];
        created ??= CreateBackend(CachePrecision.Float32);
        float[] exact = Append(created), kept = Append(Backend);
        var layout = Layout(shape);
        AssertClose(kept, Wide(ScalarCache.Load(ScalarCache.Store(exact, layout), layout)), IsExact ? 0 : Tolerance);

        Assert.That(
            kept.SequenceEqual(exact), Is.EqualTo(Precision is CachePrecision.Float32).Or.EqualTo(shape.Row < 6),
            "else this would prove nothing");

        float[] Append(IBackend backend)
        {
            Seed();
            using var step = new TestStep(backend, Random, SequenceLengths, tokens);
            int length = new CacheLayout(backend.CachePrecision, shape).Length;
            float[] marks = new float[step.CacheRows * length];
            Array.Fill(marks, Mark);
            Activations cache = Rows(backend, marks, length), y = Rows(backend, new float[4 * shape.Row], shape.Row);
            append(backend, step, cache);
            backend.GatherCache(cache, step.View, shape, 0, y, 4);
            float[] rows = Download(cache.Array), read = Download(y.Array);
            for (int row = 0; row < step.CacheRows; row++)
            {
                bool written = Enumerable.Range(0, 4).Any(p => step.Row(3, p) == row);
                Assert.That(rows[(row * length)..((row + 1) * length)].All(value => value == Mark), Is.Not.EqualTo(written), $"row {row}");
            }

            return read;
        }
    }

    private void AssertContexts(float[] contexts, TestStep step, float[] queries, float[] kept, AttentionShape shape)
        => AssertClose(
            contexts,
            Contexts(
                step, RoundsAttention ? Array.ConvertAll(queries, ScalarBFloat16.Rounded) : queries,
                RoundsAttention ? Array.ConvertAll(kept, ScalarBFloat16.Rounded) : kept, shape),
            RoundsAttention ? 4e-3 : ExponentialTolerance);

    /// <summary>
    /// As a cache keeps them, and what it keeps: random rows where a sequence has a position, key and value of different magnitude, else NaN.
    /// </summary>
    private (float[] Stored, float[] Kept) FilledCache(TestStep step, AttentionShape shape)
    {
        var layout = Layout(shape);
        float[] stored = new float[step.CacheRows * layout.Length], kept = new float[step.CacheRows * shape.Row];
        Array.Fill(stored, float.NaN);
        Array.Fill(kept, float.NaN);
        for (int s = 0; s < SequenceLengths.Length; s++)
        {
            for (int p = 0; p < SequenceLengths[s]; p++)
            {
                float[] values = Values(shape.Row);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] *= i % shape.RowHead < layout.FirstPiece ? 1 : 0.2f;
                }

                float[] row = ScalarCache.Store(values, layout);
                row.CopyTo(stored, step.Row(s, p) * layout.Length);
                ScalarCache.Load(row, layout).CopyTo(kept, step.Row(s, p) * shape.Row);
            }
        }

        return (stored, kept);
    }

    private float[] SmallValues(int count) => Array.ConvertAll(Values(count), value => value * 0.1f);

    private DeviceArray<float> Vector(IBackend backend, float[] values)
    {
        DeviceArray<float> array = Own(backend.Allocate<float>(values.Length));
        array.Upload(values);
        return array;
    }

    private Activations Rows(IBackend backend, float[] values, int width) => Activations.Dense(Vector(backend, values), width);
}
