using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>
/// Decode steps issued from a record have the bits of those that are not, at every position and beside any other sequence. Inherited once
/// a backend.
/// </summary>
[NonParallelizable]
public abstract class RecordedStepTests
{
    private const int ContextLength = 64;

    internal abstract IlgpuBackend CreateBackend();

    [TestCase("v3-bf16")]
    [TestCase("v2-grouped")]
    [TestCase("qwen3")]
    public void Steps_from_a_record_have_the_same_bits(string fixture)
    {
        var directory = TestPaths.Fixture(fixture);
        using var backend = CreateBackend();
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        using var transformer = new Transformer(
            backend, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored), config,
            new StepLimits(Tokens: 8, Sequences: 2, Outputs: 2, ContextLength, CacheTokens: 3 * ContextLength));
        var kernels = (Done: -1, Total: 0);
        transformer.Prepare((done, total) => kernels = (done, total));
        Assert.That(kernels.Done, Is.EqualTo(kernels.Total).And.Positive);

        var recorded = Decode(transformer, config.VocabSize);
        Assert.That(backend.Records.Replays, Is.EqualTo(2 * 4), "the first two steps of each kind are not replayed");
        var replays = backend.Records.Replays;
        transformer.LayerDone = _ => { };
        var plain = Decode(transformer, config.VocabSize);
        Assert.That(backend.Records.Replays, Is.EqualTo(replays));
        Assert.That(recorded, Is.EqualTo(plain));
    }

    /// <summary>Six steps of one sequence, then six in which another, at other positions, is beside it.</summary>
    private static List<float[]> Decode(Transformer transformer, int vocabulary)
    {
        using var first = new BlockTable(transformer.Cache.Pool, ContextLength);
        using var second = new BlockTable(transformer.Cache.Pool, ContextLength);
        first.Reserve(ContextLength);
        second.Reserve(ContextLength);
        var batch = new Batch(8, 2, 2);
        var results = new List<float[]>();
        for (var step = 0; step < 12; step++)
        {
            batch.Clear();
            batch.Add(first, [(step * 7) % vocabulary], step, outputs: 1);
            if (step >= 6)
            {
                batch.Add(second, [(step * 11) % vocabulary], step - 6, outputs: 1);
            }

            transformer.Forward(batch);
            for (var output = 0; output < batch.OutputCount; output++)
            {
                var logits = new float[vocabulary];
                transformer.Logits(output, logits);
                results.Add(logits);
            }
        }

        return results;
    }
}
