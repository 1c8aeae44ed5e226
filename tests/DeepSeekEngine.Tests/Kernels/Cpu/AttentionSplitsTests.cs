using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Attention to the cache over contexts of one split, of several, and of as many as there may be.</summary>
public class AttentionSplitsTests
{
    private const int Context = 7000;

    // Around the ends of blocks and splits; some sequences' tokens stand next to others of few splits.
    private static readonly int[] Positions = [0, 95, 96, 191, 192, 193, 287, 383, 384, 385, 1000, 5, 6143, 6144, Context - 1, 1];

    private static readonly AttentionShape[] Shapes =
    [
        BackendOperationTests.Shape([1, 3, 2, 3, 9]).Absorbed with { Scale = 0.9f },
        BackendOperationTests.Shape([16, 8, 4, 8, 32]).Absorbed with { Scale = 0.7f },
        BackendOperationTests.Shape([45, 8, 6, 8, 27]).Absorbed with { Scale = 0.5f },
        BackendOperationTests.Grouped(14, 2, 16),
    ];

    [Test]
    public void Splits_cover_the_positions_of_every_token_once()
    {
        foreach (int position in (int[])[.. Positions, 100_000, 163_839, int.MaxValue])
        {
            Assert.That(AttentionSplits.CountAt(position), Is.InRange(1, AttentionSplits.Most), $"position {position}");
        }

        Assert.That(AttentionSplits.CountAt(100), Is.EqualTo(1));
        Assert.That(AttentionSplits.CountAt(163_839), Is.GreaterThan(16));
    }

    [Test]
    public void Long_contexts_agree_with_the_scalar_twin_and_neither_threads_nor_batch_change_a_bit(
        [Values(0, 1, 2, 3)] int which, [Values(128, 256, 512)] int bits)
    {
        AttentionShape shape = Shapes[which];
        int width = shape.Heads * shape.Value;
        float[] absorbed = Values(new Random(1), Positions.Length * shape.Heads * shape.Key);
        float[]? expected = null;
        foreach (int threads in (int[])[1, 2, 3, 5])
        {
            using var backend = new SimdBackend(threads, (LaneWidth)bits);
            using var step = new TestStep(backend, new Random(2), [Context], Array.ConvertAll(Positions, p => (0, p)));
            float[] latents = Values(new Random(3), step.CacheRows * shape.Row);
            using DeviceArray<float> cache = Upload(backend, latents);
            using DeviceArray<float> queries = Upload(backend, absorbed);
            using DeviceArray<float> context = backend.Allocate<float>(Positions.Length * width);
            foreach (int batch in (int[])[Positions.Length, 1, 3])
            {
                for (int first = 0; first < Positions.Length; first += batch)
                {
                    backend.CachedAttention(
                        Activations.Dense(queries, shape.Heads * shape.Key).From(first), Activations.Dense(cache, shape.Row),
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

    private static void AssertTwin(TestStep step, float[] latents, float[] absorbed, AttentionShape shape, float[] result)
    {
        double[] rows = [.. Enumerable.Range(0, Context)
            .SelectMany(p => latents.Skip(step.Row(0, p) * shape.Row).Take(shape.Row).Select(v => (double)v))];
        double[] queries = BackendOperationTests.Wide(absorbed);
        List<double> expected = [];
        for (int i = 0; i < Positions.Length * shape.Heads; i++)
        {
            expected.AddRange(ScalarAttention.Context(
                queries.AsSpan(i * shape.Key, shape.Key), rows.AsSpan(0, (Positions[i / shape.Heads] + 1) * shape.Row),
                i % shape.Heads, shape));
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
