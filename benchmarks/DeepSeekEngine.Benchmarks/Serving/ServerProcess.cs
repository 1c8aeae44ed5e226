using System.Diagnostics;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Benchmarks.Serving;

/// <summary>The sample server as a process of its own, built as this program is.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const string Announcement = "Now listening on: ";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly Process _process;

    private ServerProcess(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>Memory it takes now, as the system counts it.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Starts it and waits until its model is loaded.</summary>
    /// <param name="model">The model's directory.</param>
    /// <param name="args">What is typed after that.</param>
    /// <exception cref="BenchmarkFailedException">It ended instead.</exception>
    public static async Task<ServerProcess> StartAsync(string model, params string[] args)
    {
        var process = Process.Start(new ProcessStartInfo(
            "dotnet", [Program(), model, "--urls", "http://127.0.0.1:0", "--Server:RequestsPerMinute", "10000000", .. args])
        {
            RedirectStandardOutput = true,
        })!;
        var address = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                address.TrySetException(new BenchmarkFailedException("The server ended before it listened."));
            }
            else if (line.Data.IndexOf(Announcement, StringComparison.Ordinal) is >= 0 and var at)
            {
                address.TrySetResult(new Uri(line.Data[(at + Announcement.Length)..]));
            }
        };
        process.BeginOutputReadLine();
        try
        {
            var server = new ServerProcess(process, await address.Task);
            await server.WaitUntilReadyAsync();
            return server;
        }
        catch
        {
            await EndAsync(process);
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await EndAsync(_process);

    private static async Task EndAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static string Program()
    {
        var framework = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(
            TestPaths.RepositoryRoot, "samples", "ChatServer", "bin", framework.Parent!.Name, framework.Name, "ChatServer.dll");
    }

    private async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = Address };
        using var patience = new CancellationTokenSource(Patience);
        while (!(await http.GetAsync("health/ready", patience.Token)).IsSuccessStatusCode)
        {
            await Task.Delay(50, patience.Token);
        }
    }
}
