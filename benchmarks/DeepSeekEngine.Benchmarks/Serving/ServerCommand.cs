using System.Globalization;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Benchmarks.Serving;

/// <summary>
/// The sample server under load, over HTTP and from another process: <c>--model DIRECTORY --concurrent --seconds --tokens --threads</c>.
/// </summary>
internal static class ServerCommand
{
    private const string Note =
        "The sample server in a process of its own, asked over HTTP on the same machine. Each of so many clients sends its next streamed "
        + "request when it has the answer to the last. Times are the clients'; memory is the server's, as the system counts it, before the "
        + "level and after it.";

    public static void Run(Options arguments) => RunAsync(arguments).GetAwaiter().GetResult();

    private static async Task RunAsync(Options arguments)
    {
        var directory = Path.GetFullPath(arguments.Text("model", TestPaths.TinyR1));
        var levels = arguments.Numbers("concurrent", "1,8,32");
        var time = TimeSpan.FromSeconds(arguments.Number("seconds", 20));
        var tokens = arguments.Number("tokens", 128);
        var concurrent = levels.Max().ToString(CultureInfo.InvariantCulture);
        string[] threads = arguments.Value("threads") is { } number ? ["--threads", number] : [];
        await using var server = await ServerProcess.StartAsync(
            directory, ["--context", "1024", "--concurrent", concurrent, "--model-id", "model", "--device", "cpu", .. threads]);

        // Compiles what it runs and fills the cache, so that the first level finds what the others do.
        await HttpLoad.RunAsync(server.Address, "model", levels.Max(), time / 4, tokens, seed: 0);
        var table = new MarkdownTable(
            "clients", "requests", "errors", "tokens/s", "first text p50 ms", "p95 ms", "p99 ms", "request p50 ms", "p95 ms", "p99 ms",
            "MiB before", "after");
        var errors = new List<string>();
        foreach (var clients in levels)
        {
            var before = server.ResidentBytes;
            var load = await HttpLoad.RunAsync(server.Address, "model", clients, time, tokens, seed: clients);
            table.Add(
                $"{clients}", $"{load.Requests.Count}", $"{load.Errors.Count}", $"{load.TokensPerSecond:F0}",
                $"{load.FirstText(0.5):F1}", $"{load.FirstText(0.95):F1}", $"{load.FirstText(0.99):F1}",
                $"{load.Whole(0.5):F0}", $"{load.Whole(0.95):F0}", $"{load.Whole(0.99):F0}",
                $"{before >> 20}", $"{server.ResidentBytes >> 20}");
            errors.AddRange(load.Errors);
        }

        Report.Write(arguments, "server", [Note], table);
        if (errors.Count > 0)
        {
            throw new BenchmarkFailedException($"{errors.Count} requests failed, the first with: {errors[0]}");
        }
    }
}
