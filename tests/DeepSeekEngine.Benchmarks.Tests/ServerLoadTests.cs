using DeepSeekEngine.Benchmarks.Serving;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Benchmarks.Tests;

/// <summary>The load run of the sample server, with a few requests.</summary>
public sealed class ServerLoadTests
{
    [Test]
    public async Task Every_client_is_answered()
    {
        await using var server = await ServerProcess.StartAsync(TestPaths.TinyR1, "--device", "cpu", "--threads", "1", "--concurrent", "2");
        var load = await HttpLoad.RunAsync(server.Address, "tiny-r1", clients: 3, TimeSpan.Zero, tokens: 20, seed: 1);
        Assert.That(load.Errors, Is.Empty);
        Assert.That(load.Requests.Select(request => request.Tokens), Is.EqualTo(new[] { 20, 20, 20 }));
        Assert.That(load.Requests.All(request => request.FirstText > TimeSpan.Zero && request.FirstText <= request.Whole && request.Whole <= load.Duration));
        Assert.That(load.TokensPerSecond, Is.EqualTo(60 / load.Duration.TotalSeconds).Within(1e-9));
        Assert.That(server.ResidentBytes, Is.GreaterThan(new FileInfo(Path.Combine(TestPaths.TinyR1, "model.safetensors")).Length));
    }

    [Test]
    public async Task What_is_refused_is_an_error()
    {
        await using var server = await ServerProcess.StartAsync(TestPaths.TinyR1, "--device", "cpu", "--threads", "1", "--max-tokens", "5");
        var load = await HttpLoad.RunAsync(server.Address, "tiny-r1", clients: 1, TimeSpan.Zero, tokens: 6, seed: 1);
        Assert.That(load.Requests, Is.Empty);
        Assert.That(load.Errors.Single(), Does.StartWith("400: ").And.Contain("max_tokens"));
    }

    [Test]
    public async Task A_server_that_does_not_start_is_told()
        => Assert.That(
            (await Assert.ThrowsAsync<BenchmarkFailedException>(() => ServerProcess.StartAsync(TestPaths.TinyR1, "--nothing", "1")))!.Message,
            Does.Contain("ended"));
}
