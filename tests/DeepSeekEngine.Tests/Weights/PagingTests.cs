using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Weights;

/// <summary>Models computed from mapped files that the system is advised about, and what loading them touches.</summary>
[NonParallelizable]
public sealed class PagingTests
{
    private TemporaryDirectory _directory = null!;

    [SetUp]
    public void Create() => _directory = new TemporaryDirectory();

    [TearDown]
    public void Delete() => _directory.Dispose();

    [TestCase(WeightFormat.AsStored)]
    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public async Task Advice_changes_no_token_and_allocates_nothing(WeightFormat format)
    {
        var path = TestPaths.TinyR1;
        if (format is not WeightFormat.AsStored)
        {
            path = Path.Combine(_directory.Path, "packed");
            await ModelPacker.PackAsync(TestPaths.TinyR1, path, format);
        }

        Assert.That(Decode(path, isPaged: true), Is.EqualTo(Decode(path, isPaged: false)));
    }

    [Test]
    [Platform("Linux")]
    public async Task Loading_a_packed_checkpoint_touches_its_vectors_alone()
    {
        var stored = Path.Combine(_directory.Path, "stored");
        var packed = Path.Combine(_directory.Path, "packed");
        Directory.CreateDirectory(stored);
        SyntheticCheckpoint.Write(
            stored, ("hidden_size", 512), ("intermediate_size", 1024), ("moe_intermediate_size", 512), ("n_routed_experts", 32));
        await ModelPacker.PackAsync(stored, packed, WeightFormat.Int8);
        var file = Path.Combine(packed, "model.safetensors");
        var vectors = 0;
        using (var checkpoint = Checkpoint.Open(packed, null))
        {
            vectors = checkpoint.Tensors.Count(tensor => tensor.Entry.Shape.Length == 1);
        }

        await using var model = await DeepSeekModel.LoadAsync(packed, new EngineOptions { Device = Device.Cpu, ContextLength = 64 });

        // Where a page is touched, the system maps those beside it that are in memory anyway.
        const long mappedAtOnce = 64 << 10;
        var length = new FileInfo(file).Length;
        var most = (vectors + 2) * 2 * mappedAtOnce;
        Assert.That(most, Is.LessThan(length / 5), "else this would prove nothing");
        Assert.That(ResidentMemory.OfFile(file), Is.InRange(1, most));
        await model.GenerateAsync("What is 1 + 1?", new GenerationOptions { Temperature = 0, MaxTokens = 8 });
        Assert.That(ResidentMemory.OfFile(file), Is.GreaterThan(most), "else residency says nothing");
    }

    /// <summary>Greedy tokens after a first one.</summary>
    private static int[] Decode(string path, bool isPaged)
    {
        const int warmUp = 8;
        const int length = 64;
        var config = ModelConfigReader.Read(path);
        using var backend = new SimdBackend(2);
        using var checkpoint = Checkpoint.Open(path, config.Fp8);
        checkpoint.IsPaged = isPaged;
        using var transformer = new Transformer(
            backend, checkpoint, QuantizationPolicy.For(WeightFormat.AsStored), config,
            new StepLimits(Tokens: 1, Sequences: 1, Outputs: 1, ContextLength: length, CacheTokens: length));
        using var table = new BlockTable(transformer.Cache.Pool, length);
        table.Reserve(length);
        var batch = new Batch(1, 1, 1);
        var tokens = new int[length];
        tokens[0] = 5;
        var before = 0L;
        for (var position = 0; position < length - 1; position++)
        {
            // The first steps fill what is kept for reuse.
            before = position == warmUp ? GC.GetAllocatedBytesForCurrentThread() : before;
            batch.Clear();
            batch.Add(table, tokens.AsSpan(position, 1), position, outputs: 1);
            transformer.Forward(batch);
            transformer.MostProbable(tokens.AsSpan(position + 1, 1), config.VocabSize);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        return tokens;
    }
}
