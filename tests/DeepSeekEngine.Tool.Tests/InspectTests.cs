using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tool.Tests;

public sealed class InspectTests
{
    [Test]
    public async Task The_sample_model_is_described()
    {
        var lines = await InspectAsync(TestPaths.TinyR1);
        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.Some.Match("parameters +1.62 million, of which a token uses 0.96 million; 0.63 million more"));
            Assert.That(lines, Has.Some.Match("layers +4, 1 of them dense, and 1 of multi-token prediction"));
            Assert.That(lines, Has.Some.Match("attention +4 heads of 32 \\+ 32 rotated; latent 64, queries from 64"));
            Assert.That(lines, Has.Some.Match("feed-forward +hidden 128, dense 384; 8 experts of 96, 2 a token and 1 shared"));
            Assert.That(lines, Has.Some.Match("context +2,048 tokens at most"));
            Assert.That(lines, Has.Some.Match("routed experts +72 +BF16 +1.77 MB"));
            Assert.That(lines, Has.Some.Match("all +173 +BF16, F32 +4.51 MB"));
        });
    }

    [Test]
    public async Task Memory_is_that_of_EstimateMemory_and_fits()
    {
        var lines = await InspectAsync(TestPaths.TinyR1);
        foreach (var format in (WeightFormat[])[WeightFormat.AsStored, WeightFormat.Int8, WeightFormat.Int4])
        {
            var estimate = DeepSeekModel.EstimateMemory(
                TestPaths.TinyR1,
                new EngineOptions { Device = Device.Cpu, Weights = format, ContextLength = 2048, MaxConcurrentRequests = 1 });
            Assert.That(lines, Has.Some.Match($"{format} +{Units.Bytes(estimate.Weights)} +{Units.Bytes(estimate.Total)}"));
        }

        foreach (var device in DeepSeekModel.GetDevices())
        {
            var rows = lines.Where(line => line.TrimStart().StartsWith($"{device.Device} {device.Index} ", StringComparison.Ordinal));
            Assert.That(rows.Select(row => row.TrimEnd()[^4..]), Is.EqualTo(Enumerable.Repeat("fits", 3)), "in each format");
        }
    }

    [Test]
    public async Task Memory_is_that_of_the_cache_asked_for([Values] KvCachePrecision kvCache)
    {
        var lines = await InspectAsync(TestPaths.TinyR1, "--kv-cache", $"{kvCache}");
        var estimate = DeepSeekModel.EstimateMemory(
            TestPaths.TinyR1,
            new EngineOptions { Device = Device.Cpu, KvCache = kvCache, ContextLength = 2048, MaxConcurrentRequests = 1 });
        Assert.That(lines, Has.Some.Match($"AsStored +{Units.Bytes(estimate.Weights)} +{Units.Bytes(estimate.Total)}"));
    }

    [TestCase("v3-fp8", "F8_E4M3")]
    [TestCase("v2lite-bf16", "BF16")]
    public async Task Other_formats_and_architectures_are_described(string fixture, string format)
        => Assert.That(await InspectAsync(TestPaths.Fixture(fixture)), Has.Some.Match($"routed experts .*{format}"));

    [TestCase("qwen2", "Qwen2", "4 heads of 16 rotated; 2 key-value heads")]
    [TestCase("llama", "Llama", "4 heads of 16 rotated; 2 key-value heads")]
    [TestCase("qwen3-yarn", "Qwen3", "4 heads of 32 rotated; 2 key-value heads")]
    public async Task Dense_models_are_described(string fixture, string architecture, string attention)
    {
        var lines = await InspectAsync(TestPaths.Fixture(fixture));
        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.Some.Match($"architecture +{architecture}"));
            Assert.That(lines, Has.Some.Match($"attention +{attention}"));
            Assert.That(lines, Has.Some.Match("layers +2, 2 of them dense"));
            Assert.That(lines, Has.Some.Match("attention +8 +BF16"));
        });
    }

    [Test]
    public async Task A_packed_checkpoint_has_one_format_and_its_matrices_their_own_shapes()
    {
        using var directory = new TemporaryDirectory();
        var packed = Path.Combine(directory.Path, "packed");
        var terminal = new TestTerminal(screen: false);
        Assert.That(await terminal.RunAsync("pack", TestPaths.TinyR1, packed, "--format", "INT4"), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Does.Match("packed: Int4, \\d.* MB"));

        var lines = await InspectAsync(packed, "--tensors");
        Assert.That(lines, Has.Some.Match("routed experts +72 +Int4 "));
        Assert.That(lines, Has.Some.EqualTo("lm_head.weight  [768, 128]  Int8  101,376"));
        Assert.That(lines, Has.None.Match("^ *Int8 +.* MB"));
    }

    // 101 GB in all; on the processor 81 of them are weights in their files, on a GPU as many are experts that may stay there.
    [TestCase(0, 0, 101, "fits")]
    [TestCase(0, 0, 100, "from disk")]
    [TestCase(0, 0, 20, "from disk")]
    [TestCase(0, 0, 19, "too large")]
    [TestCase(101, 101, 0, "fits")]
    [TestCase(101, 100, 1000, "too large")]
    [TestCase(20, 20, 81, "experts on CPU")]
    [TestCase(20, 20, 80, "from disk")]
    [TestCase(20, 19, 81, "too large")]
    public void Whether_it_fits_depends_on_what_must_be_in_memory(long onDevice, long device, long host, string expected)
    {
        const long gigabyte = 1_000_000_000;
        var estimate = new MemoryEstimate
        {
            Weights = 91 * gigabyte, MappedWeights = onDevice == 101 ? 0 : 81 * gigabyte, Cache = 5 * gigabyte, Workspaces = 5 * gigabyte,
            OnDevices = onDevice * gigabyte,
        };
        Assert.That(MemoryTable.Fit(estimate, device * gigabyte, host * gigabyte), Is.EqualTo(expected));
    }

    private static async Task<string[]> InspectAsync(string directory, params string[] options)
    {
        var terminal = new TestTerminal(screen: false);
        Assert.That(await terminal.RunAsync(["inspect", directory, .. options]), Is.EqualTo(CommandLine.Success), terminal.Error);
        Assert.That(terminal.Error, Is.Empty);
        return terminal.Output.Split('\n');
    }
}
