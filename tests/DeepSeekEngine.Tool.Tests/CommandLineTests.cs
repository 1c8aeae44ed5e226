using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tool.Tests;

public sealed class CommandLineTests
{
    [TestCase("", "deepseek --help")]
    [TestCase("nonsense", "'nonsense'")]
    [TestCase("chat", "deepseek chat --help")]
    [TestCase("chat MODEL --nonsense", "--nonsense")]
    [TestCase("chat MODEL --device gpu", "auto, cuda, opencl, cpu")]
    [TestCase("chat MODEL --device 3", "auto, cuda, opencl, cpu")]
    [TestCase("chat MODEL --context 1", "--context must be at least 2, not 1")]
    [TestCase("chat MODEL --context many", "--context")]
    [TestCase("chat MODEL --context 4096 hello", "2048 positions")]
    [TestCase("chat MODEL --threads 0", "--threads must be at least 1")]
    [TestCase("chat MODEL --temperature -1", "from 0 to 100")]
    [TestCase("chat MODEL --temperature NaN", "from 0 to 100")]
    [TestCase("chat MODEL --think maybe", "auto, on, off")]
    [TestCase("chat MODEL hello and more", "'and'")]
    [TestCase("inspect", "deepseek inspect --help")]
    [TestCase("pack MODEL new", "--format")]
    [TestCase("pack MODEL new --format asstored", "int8, int4")]
    [TestCase("bench MODEL --prompt 2000 --tokens 100", "context of 2048")]
    [TestCase("bench MODEL --runs 0", "--runs must be at least 1")]
    public async Task What_is_not_understood_is_said_and_ends_with_2(string arguments, string said)
    {
        var terminal = new TestTerminal(screen: false);
        var args = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word == "MODEL" ? TestPaths.TinyR1 : word);
        Assert.That(await terminal.RunAsync([.. args]), Is.EqualTo(CommandLine.NotUnderstood));
        Assert.That(terminal.Error, Does.Contain(said).And.Not.Contain("Parameter"));
        Assert.That(terminal.Output, Is.Empty);
    }

    [TestCase("inspect")]
    [TestCase("chat")]
    [TestCase("bench")]
    [TestCase("pack")]
    public async Task A_directory_without_a_model_is_said_and_ends_with_1(string command)
    {
        var terminal = new TestTerminal(screen: false);
        string[] rest = command is "pack" ? ["new", "--format", "int8"] : [];
        Assert.That(await terminal.RunAsync([command, "no-such-directory", .. rest]), Is.EqualTo(CommandLine.Failure));
        Assert.That(terminal.Error, Does.Contain("no-such-directory"));
    }

    [TestCase("--help", "chat")]
    [TestCase("chat --help", "--temperature")]
    [TestCase("inspect --help", "--tensors")]
    [TestCase("pack --help", "<int8|int4>")]
    [TestCase("bench --help", "--prompt")]
    public async Task Help_says_what_there_is(string arguments, string said)
    {
        var terminal = new TestTerminal(screen: false);
        Assert.That(await terminal.RunAsync(arguments.Split(' ')), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Does.Contain(said));
    }

    [Test]
    public async Task What_is_interrupted_ends_with_130_and_leaves_nothing()
    {
        using var directory = new TemporaryDirectory();
        var destination = Path.Combine(directory.Path, "packed");
        var terminal = new TestTerminal(screen: false);
        Assert.That(terminal.Terminal.Interrupt(), Is.False, "nothing to stop");

        var packing = terminal.Terminal.CancellableAsync(async cancellation =>
        {
            Assert.That(terminal.Terminal.Interrupt(), Is.True);
            await ModelPacker.PackAsync(TestPaths.TinyR1, destination, WeightFormat.Int8, cancellationToken: cancellation);
            await Task.Delay(Timeout.Infinite, cancellation);
            return 0;
        });
        await Assert.ThatAsync(async () => await packing, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(terminal.Terminal.Interrupt(), Is.False);
    }
}
