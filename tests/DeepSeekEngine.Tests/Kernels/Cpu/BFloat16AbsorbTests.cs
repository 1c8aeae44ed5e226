using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using DeepSeekEngine.Tests.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>
/// Queries brought to the latent space by matrices whose other products are of bfloat16: nothing is rounded to it here, so the result is as
/// close to the definition as float32 is. Latents are whole chunks of columns, in one block of them or more.
/// </summary>
public class BFloat16AbsorbTests
{
    private const double Tolerance = 3e-6;

    [Test]
    public void Queries_are_not_rounded_and_the_same_in_any_batch(
        [Values] bool emitted, [Values("BF16", "F8E4M3")] string encoding, [Values(64, 128, 576, 1088)] int latent, [Values(16, 37)] int nope)
    {
        BFloat16Kernels kernels = TestedKernels.Of(emitted);
        const int tokens = 5;
        var shape = new MlaShape { Heads = 3, Nope = nope, Rope = 6, Value = 11, Latent = latent, Scale = 1 };
        var random = new Random(latent + nope);
        using var kvB = new TestMatrix(
            Enum.Parse<WeightEncoding>(encoding), shape.Heads * shape.KeyValueHead, latent, random, blockRows: 32, blockColumns: 64);
        var (queryWidth, absorbedWidth) = (shape.Heads * shape.QueryHead, shape.Heads * shape.CacheRow);
        float[] q = [.. Enumerable.Range(0, tokens * queryWidth).Select(_ => random.NextSingle() * 2 - 1)];

        using var backend = new SimdBackend(2, bfloat16: kernels);
        using Matrix matrix = backend.LoadMatrix(kvB.View);
        using DeviceArray<float> queries = backend.Allocate<float>(q.Length), absorbed = backend.Allocate<float>((long)tokens * absorbedWidth);
        queries.Upload(q);
        backend.AbsorbQueries(Activations.Dense(queries, queryWidth), matrix, shape, Activations.Dense(absorbed, absorbedWidth), tokens);
        var together = new float[tokens * absorbedWidth];
        absorbed.Download(together);
        double[] expected = ScalarAttention.AbsorbQueries([.. q.Select(value => (double)value)], kvB.View, shape);
        BackendOperationTests.AssertClose(together, expected, Tolerance);

        for (var t = 0; t < tokens; t++)
        {
            backend.AbsorbQueries(
                Activations.Dense(queries, queryWidth).From(t), matrix, shape, Activations.Dense(absorbed, absorbedWidth).From(t), 1);
        }

        var alone = new float[together.Length];
        absorbed.Download(alone);
        Assert.That(alone, Is.EqualTo(together));
    }
}
