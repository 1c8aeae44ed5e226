using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>The operations that take matrices, with packed ones.</summary>
[TestFixture("Int8")]
[TestFixture("Int4")]
public unsafe class PackedOperationTests(string encoding)
{
    private static readonly MlaShape Shape = new() { Heads = 3, Nope = 5, Rope = 6, Value = 7, Latent = 21, Scale = 1 };

    private readonly List<IDisposable> owned = [];
    private readonly WeightEncoding encoding = Enum.Parse<WeightEncoding>(encoding);
    private readonly SimdBackend backend = new(2);
    private readonly Random random = new(11);

    [OneTimeTearDown]
    public void DisposeAll()
    {
        owned.ForEach(o => o.Dispose());
        backend.Dispose();
    }

    [Test]
    public void LinearAdd_adds_the_product_at_the_end()
    {
        WeightMatrix matrix = NewMatrix(21, 300);
        float[] x = Values(5 * 300);
        float[] before = Values(5 * 21);
        Activations y = Rows(21, before);
        backend.LinearAdd(Rows(300, x), backend.LoadMatrix(matrix), y, 5);
        float[] product = ScalarPacked.Linear(x, matrix);
        Assert.That(Read(y), Is.EqualTo(before.Zip(product, (a, b) => a + b)));
    }

    [TestCase(128)]
    [TestCase(256)]
    [TestCase(512)]
    public void Embed_decodes_the_rows_of_tokens(int bits)
    {
        using var wide = new SimdBackend(1, (LaneWidth)bits);
        foreach (int columns in (int[])[1, 31, 32, 64, 128, 300])
        {
            WeightMatrix table = NewMatrix(37, columns);
            int[] tokens = [36, 0, 16, 15, 31];
            using DeviceArray<int> ids = wide.Allocate<int>(tokens.Length);
            using DeviceArray<float> y = wide.Allocate<float>(tokens.Length * columns);
            ids.Upload(tokens);
            wide.Embed(ids, wide.LoadMatrix(table), Activations.Dense(y, columns), tokens.Length);
            float[] expected = [.. ScalarDense.Embed(tokens, table).Select(v => (float)v)];
            Assert.That(BackendOperationTests.Download(y), Is.EqualTo(expected), $"{columns}");
        }
    }

    [Test]
    public void AbsorbQueries_multiplies_queries_into_the_keys_of_kv_b([Values(1, 7)] int count)
    {
        // A latent that is no multiple of a group, and one whose column blocks begin within groups' blocks.
        foreach (int latent in (int[])[21, 200])
        {
            MlaShape shape = Shape with { Latent = latent };
            WeightMatrix kvB = NewMatrix(shape.Heads * shape.KeyValueHead, latent);
            float[] q = Values(count * shape.Heads * shape.QueryHead);
            Activations absorbed = Rows(shape.Heads * shape.CacheRow, new float[count * shape.Heads * shape.CacheRow]);
            backend.AbsorbQueries(Rows(shape.Heads * shape.QueryHead, q), backend.LoadMatrix(kvB), shape, absorbed, count);
            BackendOperationTests.AssertClose(
                Read(absorbed), ScalarAttention.AbsorbQueries(BackendOperationTests.Wide(q), kvB, shape), 3e-6);
        }
    }

    [Test]
    public void ProjectLatents_multiplies_heads_whose_rows_straddle_panels([Values(1, 7)] int count)
    {
        WeightMatrix kvB = NewMatrix(Shape.Heads * Shape.KeyValueHead, Shape.Latent);
        float[] context = Values(count * Shape.Heads * Shape.Latent);
        Activations heads = Rows(Shape.Heads * Shape.Value, new float[count * Shape.Heads * Shape.Value]);
        backend.ProjectLatents(Rows(Shape.Heads * Shape.Latent, context), backend.LoadMatrix(kvB), Shape, heads, count);

        // Row t * heads + h of the product has all heads' rows; those of h's own values count.
        float[] product = ScalarPacked.Linear(context, kvB);
        int[] part = [.. Enumerable.Range(0, count * Shape.Heads)];
        IEnumerable<float> expected = part.SelectMany(p =>
            product.Skip(p * kvB.Rows + p % Shape.Heads * Shape.KeyValueHead + Shape.Nope).Take(Shape.Value));
        Assert.That(Read(heads), Is.EqualTo(expected));
    }

    [Test]
    public void RoutedExperts_do_what_their_layers_would_one_by_one([Values(1, 2, 29)] int count)
    {
        const int experts = 5, chosen = 2, width = 150, inner = 40;
        WeightMatrix[] gates = NewExperts(inner, width);
        WeightMatrix[] ups = NewExperts(inner, width);
        WeightMatrix[] downs = NewExperts(width, inner);
        float[] x = Values(count * width);
        float[] before = Values(count * width);
        float[] weights = Values(count * chosen);
        int[] ids = [.. Enumerable.Range(0, count).SelectMany(_ => Enumerable.Range(0, experts).OrderBy(_ => random.Next()).Take(chosen))];
        Activations y = Rows(width, before);
        DeviceArray<int> idArray = Own(backend.Allocate<int>(ids.Length));
        idArray.Upload(ids);
        backend.RoutedExperts(
            Rows(width, x), idArray, Rows(chosen, weights), backend.LoadExperts(gates), backend.LoadExperts(ups),
            backend.LoadExperts(downs), Rows(inner, new float[ids.Length * inner]), y, count);

        float[] expected = [.. before];
        for (int t = 0; t < count; t++)
        {
            var sum = new float[width];
            for (int i = 0; i < chosen; i++)
            {
                int e = ids[t * chosen + i];
                float[] token = x[(t * width)..((t + 1) * width)];
                Activations hidden = Rows(inner, ScalarPacked.Linear(token, gates[e]));
                backend.SwiGlu(hidden, Rows(inner, ScalarPacked.Linear(token, ups[e])), hidden, 1);
                float[] output = ScalarPacked.Linear(Read(hidden), downs[e]);
                for (int k = 0; k < width; k++)
                {
                    sum[k] = float.MultiplyAddEstimate(weights[t * chosen + i], output[k], sum[k]);
                }
            }

            for (int k = 0; k < width; k++)
            {
                expected[t * width + k] += sum[k];
            }
        }

        Assert.That(Read(y), Is.EqualTo(expected));

        WeightMatrix[] NewExperts(int rows, int columns) => [.. Enumerable.Range(0, experts).Select(_ => NewMatrix(rows, columns))];
    }

    [Test]
    public void Operations_allocate_nothing_once_they_have_run([Values(1, 37)] int count)
    {
        Matrix matrix = backend.LoadMatrix(NewMatrix(40, 300));
        Activations x = Rows(300, Values(count * 300));
        Activations y = Rows(40, Values(count * 40));
        backend.Linear(x, matrix, y, count);
        long before = GC.GetAllocatedBytesForCurrentThread();
        backend.Linear(x, matrix, y, count);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Descriptions_without_sense_and_experts_of_several_encodings_are_refused()
    {
        WeightMatrix matrix = NewMatrix(16, 64);
        Assert.That(() => backend.LoadMatrix(matrix with { Data = null }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix with { Rows = 0 }), Throws.ArgumentException);
        WeightMatrix other = matrix with { Encoding = encoding == WeightEncoding.Int8 ? WeightEncoding.Int4 : WeightEncoding.Int8 };
        Assert.That(() => backend.LoadExperts([matrix, other]), Throws.ArgumentException);
    }

    private WeightMatrix NewMatrix(int rows, int columns)
    {
        using var source = new TestMatrix(WeightEncoding.F32, rows, columns, random);
        return Own(new PackedMatrix(source.View, encoding)).View;
    }

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }

    private float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];

    private Activations Rows(int width, float[] values)
    {
        DeviceArray<float> array = Own(backend.Allocate<float>(values.Length));
        array.Upload(values);
        return Activations.Dense(array, width);
    }

    private static float[] Read(Activations rows) => BackendOperationTests.Download(rows.Array);
}
