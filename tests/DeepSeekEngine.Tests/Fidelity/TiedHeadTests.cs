using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.BackendSuite;
using DeepSeekEngine.Tests.Weights;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>A model whose head is its embedding, all on one device or the two on different ones.</summary>
public sealed class TiedHeadTests
{
    [Test]
    public void Logits_are_products_with_the_embedding([Values] bool onProcessor, [Values(1, 2)] int devices)
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.WriteDense(directory.Path, tied: true);
        var config = ModelConfigReader.Read(directory.Path);
        using var checkpoint = Checkpoint.Open(directory.Path, null);
        Assert.That(checkpoint.Contains("lm_head.weight"), Is.False);
        List<IBackend> backends = [.. Enumerable.Range(0, devices).Select(
            IBackend (_) => onProcessor ? new SimdBackend(1) : IlgpuBackend.CreateOnCpuAccelerator())];
        try
        {
            var placement = new Placement([.. Enumerable.Range(0, devices)], ExpertsOnHost: false);
            using var transformer = new Transformer(
                backends, null, PlacedWeights.Load(placement, backends, null, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored)),
                config, new StepLimits(Tokens: 2, Sequences: 1, Outputs: 2, ContextLength: 16, CacheTokens: 16));
            using var table = new BlockTable(transformer.Cache.Pool, 16);
            table.Reserve(2);
            var batch = new Batch(2, 1, 2);
            batch.Add(table, [5, 7], 0, outputs: 2);
            transformer.Forward(batch);

            var hidden = BackendOperationTests.Wide(BackendOperationTests.Download(transformer.Workspace.OutputHidden.Array));
            var embedding = checkpoint.Matrix("model.embed_tokens.weight", config.VocabSize, config.HiddenSize);
            var logits = new float[config.VocabSize];
            for (var row = 0; row < 2; row++)
            {
                transformer.Logits(row, logits);
                var expected = new double[logits.Length];
                for (var i = 0; i < expected.Length * config.HiddenSize; i++)
                {
                    var (token, column) = (i / config.HiddenSize, i % config.HiddenSize);
                    expected[token] += hidden[(row * config.HiddenSize) + column] * ScalarWeights.Decode(embedding, token, column);
                }

                BackendOperationTests.AssertClose(logits, expected, 3e-6);
            }
        }
        finally
        {
            backends.ForEach(backend => backend.Dispose());
        }
    }
}
