using System.Buffers.Binary;
using DeepSeekEngine.Benchmarks.Fidelity;
using DeepSeekEngine.Benchmarks.Gpu;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Benchmarks.Tests;

/// <summary>What runs on a GPU machine runs here on ILGPU's CPU accelerator, at its small size. Times are not looked at.</summary>
[NonParallelizable]
internal sealed class GpuCommandTests
{
    private string _directory = null!;

    [SetUp]
    public void CreateDirectory() => _directory = Directory.CreateTempSubdirectory("deepseek-gpu-").FullName;

    [TearDown]
    public void DeleteDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("fidelity", 1, "| passed |")]
    [TestCase("ops", 12, "| argmax ")]
    [TestCase("products", 6, " not installed |")]
    [TestCase("model", 1, "| tiny ")]
    [TestCase("slice", 1, "| tiny ")]
    public void Every_part_leaves_a_report(string part, int rows, string content)
    {
        GpuCommand.Run(new Options(["gpu", "--device", "cpu-accelerator", "--size", "smoke", "--parts", part, "--results", _directory]));
        var file = Directory.EnumerateFiles(_directory, $"*-cpuaccelerator-{part}.md").Single();
        var lines = File.ReadAllLines(file);
        Assert.That(lines[0], Does.StartWith($"`{part} "));
        Assert.That(lines, Has.Some.Contains("CPUAccelerator, "), "the device");
        Assert.That(lines.Count(line => line.StartsWith('|')), Is.EqualTo(rows + 2), "a heading and a row a result");
        Assert.That(lines, Has.Some.Contains(content));
    }

    [Test]
    public void A_device_that_computes_something_else_fails()
    {
        // To the comparison it is the same whether the device is wrong or what it is compared with.
        const string fixture = "v2lite-bf16";
        var copy = Directory.CreateDirectory(Path.Combine(_directory, fixture)).FullName;
        foreach (var file in Directory.EnumerateFiles(TestPaths.Fixture(fixture)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        var path = Path.Combine(copy, "expected.safetensors");
        var bytes = File.ReadAllBytes(path);
        var data = 8 + BinaryPrimitives.ReadInt32LittleEndian(bytes);
        Array.Fill(bytes, (byte)0x40, data, bytes.Length - data);
        File.WriteAllBytes(path, bytes);
        var arguments = new Options(
        [
            "fidelity", "--device", "cpu-accelerator", "--fixtures", _directory, "--checks", "absorbed", "--longest", "3", "--results", _directory,
        ]);
        Assert.That(() => FidelityCommand.Run(arguments), Throws.TypeOf<BenchmarkFailedException>());
        Assert.That(File.ReadAllText(Directory.EnumerateFiles(_directory, "*.md").Single()), Does.Contain("absorbed | FAILED: "));
    }

    [Test]
    public void A_part_that_fails_does_not_end_the_others()
    {
        // The processor's products are another command's.
        var arguments = new Options(["gpu", "--device", "cpu", "--size", "smoke", "--parts", "products,model", "--results", _directory]);
        Assert.That(
            () => GpuCommand.Run(arguments), Throws.TypeOf<BenchmarkFailedException>().With.Message.EqualTo("These parts failed: products."));
        Assert.That(Directory.EnumerateFiles(_directory, "*-model.md").ToList(), Has.Count.EqualTo(1));
    }

    [TestCase("--size", "huge")]
    [TestCase("--parts", "fidelity,what")]
    public void A_size_or_part_there_is_not_is_named(string option, string value)
        => Assert.That(
            () => GpuCommand.Run(new Options(["gpu", option, value])), Throws.ArgumentException.With.Message.Contains($"'{value.Split(',')[^1]}'"));

    [TestCase("--device", "abacus")]
    [TestCase("--fixture", "v9")]
    [TestCase("--checks", "luck")]
    [TestCase("--longest", "0")]
    public void What_the_comparison_cannot_do_is_named(string option, string value)
        => Assert.That(
            () => FidelityCommand.Run(new Options(["fidelity", "--device", "cpu-accelerator", option, value])), Throws.ArgumentException);
}
