using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Products with packed matrices: every instruction set this processor has gives the scalar twin's bits.</summary>
[TestFixture("Portable")]
[TestFixture("AdvSimd")]
[TestFixture("AdvSimdDot")]
[TestFixture("Avx2")]
[TestFixture("Avx512")]
[TestFixture("AvxVnni")]
[TestFixture("Avx512Vnni")]
[TestFixture("Amx")]
public unsafe class PackedKernelTests(string path)
{
    private static readonly WeightEncoding[] Encodings = [WeightEncoding.Int8, WeightEncoding.Int4];

    private SimdBackend? created;

    private SimdBackend Backend => created!;

    [OneTimeSetUp]
    public void CreateBackend()
    {
        var chosen = Enum.Parse<PackedPath>(path);
        Assume.That(PackedKernels.IsSupported(chosen));
        created = new SimdBackend(2, path: chosen);
    }

    [OneTimeTearDown]
    public void DisposeBackend() => created?.Dispose();

    [Test]
    public void Products_are_those_of_the_scalar_twin(
        [Values(1, 16, 40)] int rows,
        [Values(1, 5, 31, 32, 33, 64, 65, 127, 128, 129, 300, 2048)] int columns,
        [Values(1, 2, 4, 9)] int count)
    {
        var random = new Random(rows * columns + count);
        using var matrix = new TestMatrix(WeightEncoding.F32, rows, columns, random);
        float[] x = Values(random, count * columns);
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(matrix.View, encoding);
            Assert.That(Linear(packed.View, x), Is.EqualTo(ScalarPacked.Linear(x, packed.View)), $"{encoding}");
        }
    }

    [Test]
    public void A_token_is_computed_alike_in_any_batch()
    {
        // Columns that fill no block, more tokens than a token block.
        const int rows = 24, columns = 10944 + 5, count = 131;
        var random = new Random(5);
        using var matrix = new TestMatrix(WeightEncoding.BF16, rows, columns, random);
        float[] x = Values(random, count * columns);
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(matrix.View, encoding);
            float[] all = Linear(packed.View, x);
            Assert.That(all[..rows], Is.EqualTo(ScalarPacked.Linear(x.AsSpan(0, columns), packed.View)), $"{encoding}");
            for (int t = 0; t < count; t++)
            {
                float[] alone = Linear(packed.View, x[(t * columns)..((t + 1) * columns)]);
                Assert.That(alone, Is.EqualTo(all[(t * rows)..((t + 1) * rows)]), $"{encoding}, token {t}");
            }
        }
    }

    [Test]
    public void Nothing_saturates()
    {
        // Every stored byte there can be, even those no quantiser writes, all alike, against activations of the largest magnitude.
        const int rows = 16, columns = 256;
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(encoding, rows, columns);
            for (int stored = 0; stored < 256; stored++)
            {
                packed.Data.Fill((byte)stored);
                FillScales(packed, 0.5f);
                foreach (int period in (int[])[1, 2, 3, 4, 8])
                {
                    float[] x = [.. Enumerable.Range(0, 2 * columns).Select(k => (k % period == 0) == (k < columns) ? 1f : -1f)];
                    Assert.That(Linear(packed.View, x), Is.EqualTo(ScalarPacked.Linear(x, packed.View)), $"{encoding} {stored} {period}");
                }
            }
        }
    }

    [Test]
    public void Random_bytes_are_multiplied_exactly()
    {
        var random = new Random(8);
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(encoding, 33, 700);
            random.NextBytes(packed.Data);
            FillScales(packed, 0.37f);
            float[] x = [.. Enumerable.Range(0, 6 * 700).Select(_ => random.Next(2) == 0 ? -1f : random.NextSingle())];
            Assert.That(Linear(packed.View, x), Is.EqualTo(ScalarPacked.Linear(x, packed.View)), $"{encoding}");
        }
    }

    [Test]
    public void Zero_tiny_and_huge_activations_give_the_twins_results()
    {
        using var matrix = new TestMatrix(WeightEncoding.F32, 16, 384, new Random(5));
        float[] magnitudes = [0, -0f, 1e-45f, 1e-38f, 1.2e-29f, 1.3e-29f, 1, 1e30f, float.MaxValue];
        float[] x = [.. magnitudes.SelectMany(m => Enumerable.Range(0, 384).Select(k => k < 128 ? m : k < 256 ? 1 : m / (k % 7 + 1)))];
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(matrix.View, encoding);
            Assert.That(Linear(packed.View, x), Is.EqualTo(ScalarPacked.Linear(x, packed.View)), $"{encoding}");
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void An_activation_that_is_not_finite_makes_its_token_NaN_and_no_other(float value)
    {
        using var matrix = new TestMatrix(WeightEncoding.F32, 5, 200, new Random(5));
        float[] x = Values(new Random(6), 3 * 200);
        foreach (WeightEncoding encoding in Encodings)
        {
            using var packed = new PackedMatrix(matrix.View, encoding);
            float[] expected = Linear(packed.View, x);
            float[] broken = [.. x];
            broken[200 + 7] = value;
            float[] y = Linear(packed.View, broken);
            Assert.That(y[5..10], Is.All.NaN);
            Assert.That(y[..5], Is.EqualTo(expected[..5]));
            Assert.That(y[10..], Is.EqualTo(expected[10..]));
        }
    }

    private static void FillScales(PackedMatrix packed, float scale)
    {
        WeightMatrix view = packed.View;
        int block = PackedLayout.BlockBytes(view.Encoding);
        for (int start = 0; start < packed.Data.Length; start += block)
        {
            if (view.Encoding == WeightEncoding.Int8)
            {
                new Span<float>(view.Data + start, 16).Fill(scale);
            }
            else
            {
                new Span<ushort>(view.Data + start, 32).Fill((ushort)(BitConverter.SingleToUInt32Bits(scale) >> 16));
            }
        }
    }

    private static float[] Values(Random random, int count)
        => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];

    private float[] Linear(in WeightMatrix packed, float[] x)
    {
        int count = x.Length / packed.Columns;
        using Matrix loaded = Backend.LoadMatrix(packed);
        using DeviceArray<float> input = Backend.Allocate<float>(x.Length);
        using DeviceArray<float> output = Backend.Allocate<float>(count * packed.Rows);
        input.Upload(x);
        Backend.Linear(Activations.Dense(input, packed.Columns), loaded, Activations.Dense(output, packed.Rows), count);
        return BackendOperationTests.Download(output);
    }
}
