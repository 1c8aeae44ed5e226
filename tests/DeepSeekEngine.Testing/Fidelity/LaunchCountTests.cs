using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>How many kernels a decode step issues, counted where they are issued. Inherited once a backend.</summary>
[NonParallelizable]
public abstract class LaunchCountTests
{
    private const int DenseLayer = 9;
    private const int MoeLayer = 12;
    private const int ContextLength = 64;

    internal abstract IlgpuBackend CreateBackend();

    private protected void AssertFewKernels(string fixture, int sequences)
    {
        var directory = TestPaths.Fixture(fixture);
        using var backend = CreateBackend();
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        using var transformer = new Transformer(
            backend, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored), config,
            new StepLimits(Tokens: 16, sequences, Outputs: sequences, ContextLength, CacheTokens: sequences * ContextLength));
        var tables = new List<BlockTable>();
        try
        {
            for (var i = 0; i < sequences; i++)
            {
                tables.Add(new BlockTable(transformer.Cache.Pool, ContextLength));
                tables[i].Reserve(ContextLength);
            }

            var batch = new Batch(16, sequences, sequences);
            tables.ForEach(table => batch.Add(table, [table.Blocks[0] % config.VocabSize], 0, outputs: 1));
            var layers = new Dictionary<int, long>();
            var before = 0L;
            transformer.LayerDone = layer =>
            {
                layers[layer] = backend.Launches - before;
                before = backend.Launches;
            };
            transformer.Forward(batch);
            TestContext.Out.WriteLine(string.Join(", ", layers.Select(layer => $"layer {layer.Key}: {layer.Value}")));
            for (var layer = 0; layer < config.Layers; layer++)
            {
                Assert.That(layers[layer], Is.Positive.And.AtMost(config.IsMoe(layer) ? MoeLayer : DenseLayer), $"layer {layer}");
            }

            // As a record issues it, there is nothing more than these, the embedding, the last norm, its rows and the head.
            transformer.LayerDone = null;
            for (var step = 1; step < 4; step++)
            {
                before = backend.Launches;
                transformer.Forward(batch);
                Assert.That(backend.Launches - before, Is.EqualTo(layers.Values.Sum() + 3));
            }

            Assert.That(backend.Records.Replays, Is.EqualTo(1));
        }
        finally
        {
            tables.ForEach(table => table.Dispose());
        }
    }
}
