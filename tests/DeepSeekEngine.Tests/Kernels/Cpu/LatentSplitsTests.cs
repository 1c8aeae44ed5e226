using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Absorbed attention over contexts of one split, of several, and of as many as there may be.</summary>
public class LatentSplitsTests
{
    private const int Context = 7000;

    // Around the ends of blocks and splits; some sequences' tokens stand next to others of few splits.
    private static readonly int[] Positions = [0, 95, 96, 191, 192, 193, 287, 383, 384, 385, 1000, 5, 6143, 6144, Context - 1, 1];

    private static readonly MlaShape[] Shapes =
    [
        new() { Heads = 1, Nope = 3, Rope = 2, Value = 3, Latent = 9, Scale = 0.9f },
        new() { Heads = 16, Nope = 8, Rope = 4, Value = 8, Latent = 32, Scale = 0.7f },
        new() { Heads = 45, Nope = 8, Rope = 6, Value = 8, Latent = 27, Scale = 0.5f },
    ];

    [Test]
    public void Splits_cover_the_positions_of_every_token_once()
    {
        foreach (int position in (int[])[.. Positions, 100_000, 163_839, int.MaxValue])
        {
            Assert.That(LatentSplits.CountAt(position), Is.InRange(1, LatentSplits.Most), $"position {position}");
        }

        Assert.That(LatentSplits.CountAt(100), Is.EqualTo(1));
        Assert.That(LatentSplits.CountAt(163_839), Is.GreaterThan(16));
    }

    [Test]
    public void Long_contexts_agree_with_the_scalar_twin_and_neither_threads_nor_batch_change_a_bit(
        [Values(0, 1, 2)] int which, [Values(128, 256, 512)] int bits)
    {
        MlaShape shape = Shapes[which];
        int width = shape.Heads * shape.Latent;
        float[] absorbed = Values(new Random(1), Positions.Length * shape.Heads * shape.CacheRow);
        float[]? expected = null;
        foreach (int threads in (int[])[1, 2, 3, 5])
        {
            using var backend = new SimdBackend(threads, (LaneWidth)bits);
            using var step = new TestStep(backend, new Random(2), [Context], Array.ConvertAll(Positions, p => (0, p)));
            float[] latents = Values(new Random(3), step.CacheRows * shape.CacheRow);
            using DeviceArray<float> cache = Upload(backend, latents);
            using DeviceArray<float> queries = Upload(backend, absorbed);
            using DeviceArray<float> context = backend.Allocate<float>(Positions.Length * width);
            foreach (int batch in (int[])[Positions.Length, 1, 3])
            {
                for (int first = 0; first < Positions.Length; first += batch)
                {
                    backend.LatentAttention(
                        Activations.Dense(queries, shape.Heads * shape.CacheRow).From(first), Activations.Dense(cache, shape.CacheRow),
                        step.View.From(first), shape, Activations.Dense(context, width).From(first),
                        Math.Min(batch, Positions.Length - first));
                }

                float[] result = BackendOperationTests.Download(context);
                if (expected is null)
                {
                    AssertTwin(step, latents, absorbed, shape, result);
                    expected = result;
                }

                Assert.That(
                    Array.ConvertAll(result, BitConverter.SingleToInt32Bits),
                    Is.EqualTo(Array.ConvertAll(expected, BitConverter.SingleToInt32Bits)),
                    $"{threads} threads, {batch} tokens at once");
            }
        }
    }

    private static void AssertTwin(TestStep step, float[] latents, float[] absorbed, MlaShape shape, float[] result)
    {
        double[] rows = [.. Enumerable.Range(0, Context)
            .SelectMany(p => latents.Skip(step.Row(0, p) * shape.CacheRow).Take(shape.CacheRow).Select(v => (double)v))];
        double[] queries = BackendOperationTests.Wide(absorbed);
        List<double> expected = [];
        for (int i = 0; i < Positions.Length * shape.Heads; i++)
        {
            expected.AddRange(ScalarAttention.Context(
                queries.AsSpan(i * shape.CacheRow, shape.CacheRow),
                rows.AsSpan(0, (Positions[i / shape.Heads] + 1) * shape.CacheRow), shape));
        }

        BackendOperationTests.AssertClose(result, [.. expected], 5e-6);
    }

    private static float[] Values(Random random, int count)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() * 2 - 1;
        }

        return values;
    }

    private static DeviceArray<float> Upload(SimdBackend backend, float[] values)
    {
        DeviceArray<float> array = backend.Allocate<float>(values.Length);
        array.Upload(values);
        return array;
    }
}
