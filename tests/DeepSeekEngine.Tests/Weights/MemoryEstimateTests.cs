using System.Text.Json.Nodes;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Weights;

/// <summary>What is estimated is what is taken.</summary>
[NonParallelizable]
public sealed class MemoryEstimateTests
{
    [TestCase(WeightFormat.AsStored)]
    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public Task The_sample_model_takes_what_is_estimated(WeightFormat format) => TakesWhatIsEstimated(TestPaths.TinyR1, format);

    [TestCase(WeightFormat.AsStored)]
    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public async Task A_larger_model_takes_what_is_estimated(WeightFormat format)
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.Write(
            directory.Path, ("hidden_size", 512), ("intermediate_size", 1024), ("moe_intermediate_size", 200), ("n_routed_experts", 16));
        await TakesWhatIsEstimated(directory.Path, format);
    }

    [Test]
    public async Task A_dense_model_takes_what_is_estimated([Values] WeightFormat format, [Values] bool tied)
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.WriteDense(directory.Path, tied, ("hidden_size", 384), ("intermediate_size", 1024));
        await TakesWhatIsEstimated(directory.Path, format);
    }

    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public async Task A_packed_model_takes_what_is_estimated(WeightFormat format)
    {
        using var directory = new TemporaryDirectory();
        var packed = Path.Combine(directory.Path, "packed");
        await ModelPacker.PackAsync(TestPaths.TinyR1, packed, format);
        await TakesWhatIsEstimated(packed, WeightFormat.AsStored);
        var loaded = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, new EngineOptions { Weights = format });
        var mapped = DeepSeekModel.EstimateMemory(packed);
        Assert.That(mapped.Total, Is.EqualTo(loaded.Total));
        Assert.That(mapped.MappedWeights, Is.GreaterThan(loaded.MappedWeights));
    }

    [TestCase(null, 4 * 2048)]
    [TestCase(2048, 2048)]
    [TestCase(5000, 5008)]
    public void The_cache_takes_its_precision_of_every_latent_value_token_and_layer(int? cacheTokens, int tokens)
    {
        // 64 latent and 32 rotated values, in four layers and a module; whole blocks of 16 tokens.
        var values = (64 + 32) * 5L * tokens;
        var options = new EngineOptions { CacheTokens = cacheTokens };
        Assert.That(Cache(Device.Cpu, KvCachePrecision.Auto), Is.EqualTo(values * (BFloat16Kernels.Native is null ? 4 : 2)));
        Assert.That(Cache(Device.OpenCL, KvCachePrecision.Auto), Is.EqualTo(values * 4));
        foreach (var device in (Device[])[Device.Cpu, Device.OpenCL])
        {
            Assert.That(Cache(device, KvCachePrecision.Float32), Is.EqualTo(values * 4));
            Assert.That(Cache(device, KvCachePrecision.BFloat16), Is.EqualTo(values * 2));
            Assert.That(Cache(device, KvCachePrecision.Int8), Is.EqualTo(values + (2 * sizeof(float) * 5L * tokens)), "and two scales");
        }

        long Cache(Device device, KvCachePrecision kvCache)
            => DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options with { Device = device, KvCache = kvCache }).Cache;
    }

    [Test]
    public async Task A_cache_of_any_precision_takes_what_is_estimated([Values] KvCachePrecision kvCache, [Values] bool dense)
    {
        using var directory = new TemporaryDirectory();
        if (dense)
        {
            SyntheticCheckpoint.WriteDense(directory.Path, tied: true);
        }

        // With much cache, so that it counts.
        await TakesWhatIsEstimated(
            dense ? directory.Path : TestPaths.TinyR1, WeightFormat.AsStored, new EngineOptions { KvCache = kvCache, CacheTokens = 40000 });
    }

    [Test]
    public async Task What_cannot_fit_is_refused_before_anything_is_allocated()
    {
        using var directory = new TemporaryDirectory();
        foreach (var file in Directory.EnumerateFiles(TestPaths.TinyR1))
        {
            File.Copy(file, Path.Combine(directory.Path, Path.GetFileName(file)));
        }

        var path = Path.Combine(directory.Path, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["max_position_embeddings"] = 1 << 24;
        config.AsObject().Remove("rope_scaling");
        File.WriteAllText(path, config.ToJsonString());
        var options = new EngineOptions { Device = Device.Cpu, ContextLength = 1 << 24, Weights = WeightFormat.Int8 };
        var estimate = DeepSeekModel.EstimateMemory(directory.Path, options);
        var before = NativeBuffer.OutstandingBytes;
        var refusal = await Assert.ThrowsAsync<NotEnoughMemoryException>(() => DeepSeekModel.LoadAsync(directory.Path, options));
        Assert.That(refusal!.RequiredBytes, Is.EqualTo(estimate.Total - estimate.MappedWeights));
        Assert.That(refusal.Advice, Does.Contain(nameof(EngineOptions.ContextLength)));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    [TestCase(WeightFormat.AsStored)]
    [TestCase(WeightFormat.Int8)]
    public async Task What_many_threads_and_a_long_chunk_take_is_estimated(WeightFormat format)
    {
        // With little cache, so that it counts.
        var options = new EngineOptions { ContextLength = 512, MaxConcurrentRequests = 1, Threads = 16 };
        var few = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options with { Weights = format, Threads = 1 });
        var many = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options with { Weights = format });
        Assert.That(many.Workspaces, Is.GreaterThan(1.05 * few.Total), "else this would prove nothing");
        await TakesWhatIsEstimated(TestPaths.TinyR1, format, options);
    }

    [TestCase(WeightFormat.AsStored, KvCachePrecision.Auto)]
    [TestCase(WeightFormat.Int8, KvCachePrecision.Auto)]
    [TestCase(WeightFormat.Int8, KvCachePrecision.Int8)]
    [Platform("Linux")]
    public async Task What_is_resident_is_what_is_estimated(WeightFormat format, KvCachePrecision kvCache)
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.Write(
            directory.Path, ("hidden_size", 1024), ("intermediate_size", 4096), ("moe_intermediate_size", 512), ("n_routed_experts", 64));

        // A step that computes every position there can be: what nothing was written to is not resident, however much of it there is.
        var options = new EngineOptions
        {
            Device = Device.Cpu, Weights = format, KvCache = kvCache, ContextLength = 512, PrefillChunk = 512, MaxConcurrentRequests = 1,
            CacheTokens = 512,
        };
        var estimate = DeepSeekModel.EstimateMemory(directory.Path, options);
        await using (var small = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, options))
        {
            // The runtime's own share, code above all, is there before.
            ComputeLargestStep(small.Loaded.Transformer);
        }

        var before = ResidentMemory.OfProcess();
        await using var model = await DeepSeekModel.LoadAsync(directory.Path, options);
        ComputeLargestStep(model.Loaded.Transformer);
        var resident = ResidentMemory.OfProcess() - before + ResidentMemory.OfFile(Path.Combine(directory.Path, "model.safetensors"));
        TestContext.Out.WriteLine($"{resident / 1e6:F1} MB resident, {estimate}");
        Assert.That(resident, Is.EqualTo(estimate.Total).Within(5).Percent);
    }

    private static async Task TakesWhatIsEstimated(string directory, WeightFormat format, EngineOptions? options = null)
    {
        options = (options ?? new EngineOptions()) with { Device = Device.Cpu, Weights = format };
        var estimate = DeepSeekModel.EstimateMemory(directory, options);
        var before = NativeBuffer.OutstandingBytes;
        await using var model = await DeepSeekModel.LoadAsync(directory, options);
        ComputeLargestStep(model.Loaded.Transformer);
        var taken = NativeBuffer.OutstandingBytes - before + Mapped(directory, format);
        Assert.That(estimate.Total, Is.EqualTo(taken).Within(5).Percent);
    }

    /// <summary>The longest prompt there can be, its last chunk beside as many tokens of others as there can be.</summary>
    private static void ComputeLargestStep(Transformer transformer)
    {
        var limits = transformer.Limits;
        var pool = transformer.Cache.Pool;
        var chunk = limits.Tokens - limits.Outputs;

        // As many different ones as there are, so that every expert is chosen.
        int[] tokens = [.. Enumerable.Range(0, chunk).Select(token => token % transformer.Config.VocabSize)];
        using var prompted = Table(limits.ContextLength);
        var batch = new Batch(limits.Tokens, limits.Sequences, limits.Outputs);
        batch.Add(prompted, tokens, limits.ContextLength - chunk, outputs: 1, AttentionForm.Absorbed);
        transformer.Forward(batch);
        batch.Clear();
        batch.Add(prompted, tokens, limits.ContextLength - chunk, outputs: 1, AttentionForm.Expanded);
        var others = Enumerable.Range(1, limits.Sequences - 1).Select(_ => Table(BlockPool.BlockSize)).ToList();
        foreach (var other in others)
        {
            batch.Add(other, new int[limits.Outputs / limits.Sequences], 0, outputs: 1, AttentionForm.Absorbed);
        }

        transformer.Forward(batch);
        others.ForEach(other => other.Dispose());

        BlockTable Table(int tokens)
        {
            var table = new BlockTable(pool, tokens);
            table.Reserve(tokens);
            return table;
        }
    }

    /// <summary>Bytes of all matrices that stay in their files.</summary>
    private static long Mapped(string directory, WeightFormat format)
    {
        using var checkpoint = Checkpoint.Open(directory, null);
        var policy = QuantizationPolicy.For(format);
        return checkpoint.Tensors.Where(tensor => tensor.Entry.Shape.Length == 2).Sum(tensor =>
        {
            var (rows, columns) = checkpoint.PackedMatrixOf(tensor.Name) is { } packed
                ? (packed.Rows, packed.Columns)
                : ((int)tensor.Entry.Shape[0], (int)tensor.Entry.Shape[1]);
            var stored = checkpoint.EncodingOf(tensor.Name, rows, columns);
            return policy.EncodingOf(tensor.Name, stored) == stored ? tensor.Entry.ByteLength : 0;
        });
    }
}
