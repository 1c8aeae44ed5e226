using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary>Lets requests in progress end by themselves when the server stops, but not for longer than it says.</summary>
internal sealed class Shutdown : IDisposable
{
    /// <summary>Time in which those that are stopped tell their callers.</summary>
    public static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _stopping;

    public Shutdown(IHostApplicationLifetime lifetime, IOptions<ServerOptions> options)
        => _stopping = lifetime.ApplicationStopping.Register(() => _source.CancelAfter(TimeSpan.FromSeconds(options.Value.DrainSeconds)));

    /// <summary>Cancelled when the time is over.</summary>
    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _stopping.Dispose();
        _source.Dispose();
    }
}
