using System.Text.Json.Nodes;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Compare;
using DeepSeekEngine.Benchmarks.Models;
using DeepSeekEngine.Benchmarks.Operations;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Tests;

/// <summary>What is measured is what it is said to be.</summary>
internal sealed unsafe class SyntheticTests
{
    [Test]
    public void A_device_that_copies_may_be_given_the_same_memory_again()
    {
        using var arena = new Arena();
        var (own, shared) = (new SyntheticMatrices(arena), new SyntheticMatrices(arena, shared: true));
        var (a, b) = (own.Create(WeightEncoding.BF16, 16, 64), own.Create(WeightEncoding.BF16, 16, 64));
        Assert.That((nint)b.Data, Is.Not.EqualTo((nint)a.Data));
        var first = shared.Create(WeightEncoding.F8E4M3, 16, 64);
        Assert.That(shared.Create(WeightEncoding.F8E4M3, 16, 64), Is.EqualTo(first));
        Assert.That((nint)shared.Create(WeightEncoding.F8E4M3, 64, 16).Data, Is.Not.EqualTo((nint)first.Data));
        Assert.That((nint)shared.Create(WeightEncoding.Int8, 16, 64).Data, Is.Not.EqualTo((nint)first.Data));
    }

    // A step of a dense and a MoE layer has the operations of attention twice and all others once.
    [Test]
    public void The_operations_of_a_decode_step_read_what_a_token_reads([Values] bool compressesQueries)
    {
        const int context = 16;
        var config = Shapes.Of("tiny", 2);
        var mla = (MlaConfig)config.Attention;
        config = config with { Attention = mla with { QLoraRank = compressesQueries ? mla.QLoraRank : null } };
        using var arena = new Arena();
        using var backend = new SimdBackend(threads: 1);
        using var model = new SyntheticModel(backend, config, WeightEncoding.BF16, maxPrefill: 1, maxContext: context);
        using var set = OperationSet.Of(backend, config, "decode", WeightEncoding.BF16, [1], [context], weightBytes: 0);
        string[] once = ["dense feed-forward", "router", "experts", "lm_head"];
        var bytes = set.Operations
            .Where(operation => operation.Format == "BF16")
            .Sum(operation => operation.Bytes * (once.Any(name => operation.Name.Contains(name, StringComparison.Ordinal)) ? 1 : 2));
        Assert.That(bytes, Is.EqualTo(model.ActiveBytes));
        var attention = set.Operations.Single(operation => operation.Name.StartsWith("CachedAttention", StringComparison.Ordinal));
        Assert.That(attention.Bytes * 2, Is.EqualTo(CacheBytes()));

        double CacheBytes()
        {
            model.SetContext(context);
            return model.CacheBytes;
        }
    }

    [Test]
    public void The_layers_of_a_model_have_their_bytes()
    {
        using var backend = new SimdBackend(threads: 1);
        using var two = new SyntheticModel(backend, Shapes.Of("tiny", 2), WeightEncoding.F8E4M3, 1, 1);
        using var three = new SyntheticModel(backend, Shapes.Of("tiny", 3), WeightEncoding.F8E4M3, 1, 1);
        Assert.That(three.TotalBytes - two.TotalBytes, Is.EqualTo(two.LayerBytes(1)));
        Assert.That(three.LayerBytes(2), Is.EqualTo(two.LayerBytes(1)));
        Assert.That(two.LayerBytes(0), Is.LessThan(two.LayerBytes(1)));
    }

    [Test]
    public void Slices_give_what_a_layer_takes()
    {
        var (dense, moe, rest) = SliceCommand.Parts(Slice(1, 1), Slice(2, 1), Slice(1, 7), 7);
        Assert.That(dense.Prefill, Is.EqualTo(0.25));
        Assert.That(moe.Prefill, Is.EqualTo(2));
        Assert.That(rest.Prefill, Is.EqualTo(1));
        Assert.That(rest.Decode + (3 * dense.Decode) + (58 * moe.Decode), Is.EqualTo(Slice(3, 58).Decode));

        static SliceCommand.Times Slice(int dense, int moe) => new(1 + (0.25 * dense) + (2 * moe), 0.5 + (0.125 * dense) + (0.0625 * moe));
    }

    [Test]
    public void Transformers_is_told_the_model_that_is_measured([Values("v2-lite", "r1", "tiny")] string shape)
    {
        var config = Shapes.Of(shape);
        var json = TransformersCommand.Config(config);
        json["architectures"] = new JsonArray(config.Architecture is Architecture.DeepSeekV2 ? "DeepseekV2ForCausalLM" : "DeepseekV3ForCausalLM");
        json["hidden_act"] = "silu";
        var directory = Directory.CreateTempSubdirectory("deepseek-config-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(directory, "config.json"), json.ToJsonString());
            var read = ModelConfigReader.Read(directory);
            Assert.That(read.EosTokens, Is.Empty);
            Assert.That(read with { EosTokens = config.EosTokens, Fp8 = config.Fp8 }, Is.EqualTo(config));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
