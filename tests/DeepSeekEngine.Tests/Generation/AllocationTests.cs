using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

public sealed class AllocationTests
{
    [Test]
    public void Decoding_allocates_no_managed_memory([Values] bool dense, [Values] KvCachePrecision kvCache)
    {
        using var written = new TemporaryDirectory();
        var directory = TestPaths.TinyR1;
        if (dense)
        {
            directory = written.Path;
            SyntheticCheckpoint.WriteDense(directory, tied: false);
        }

        const int sequences = 3;
        const int warmUp = 20;
        var config = ModelConfigReader.Read(directory);
        using var backend = SimdBackend.Fastest(threads: 0, BackendFactory.CacheOf(new EngineOptions { KvCache = kvCache }, onProcessor: true));
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        using var transformer = new Transformer(
            backend, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored), config,
            new StepLimits(Tokens: 16, Sequences: sequences, Outputs: sequences, ContextLength: 256, CacheTokens: sequences * 256));
        var batch = new Batch(16, sequences, sequences);
        var tables = Enumerable.Range(0, sequences).Select(_ => new BlockTable(transformer.Cache.Pool, 256)).ToArray();
        var sampler = new Sampler(new SamplingParameters { Seed = 1, Temperature = 0.7f, TopP = 0.9f, TopK = 50 }, config.VocabSize);
        var tokens = new int[sequences];
        var logits = new float[config.VocabSize];

        var before = 0L;
        for (var position = 0; position < 200; position++)
        {
            // The thread's first steps fill what is kept for reuse; from then on every step is like the next.
            if (position == warmUp)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            batch.Clear();
            for (var s = 0; s < sequences; s++)
            {
                tables[s].Reserve(position + 1);
                batch.Add(tables[s], tokens.AsSpan(s, 1), position, outputs: 1);
            }

            transformer.Forward(batch);
            for (var s = 0; s < sequences; s++)
            {
                transformer.Logits(s, logits);
                tokens[s] = sampler.Sample(logits);
                sampler.AddGenerated(tokens[s]);
            }
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
