using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tool.Tests;

public sealed class BenchTests
{
    [Test]
    public async Task Prefill_and_decoding_are_timed()
    {
        var terminal = new TestTerminal(screen: false);
        Assert.That(
            await terminal.RunAsync("bench", TestPaths.TinyR1, "--prompt", "100", "--tokens", "20", "--runs", "2"), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Does.Match("prefill of 100( +[0-9.,]+){3}"));
        Assert.That(terminal.Output, Does.Match("decode( +[0-9.,]+){3}"));
        Assert.That(terminal.Output, Does.Match("2 runs, \\d+ tokens decoded"));
    }
}
