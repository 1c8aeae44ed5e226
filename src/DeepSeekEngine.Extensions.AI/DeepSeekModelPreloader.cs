using Microsoft.Extensions.Hosting;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>
/// Begins to load the model when the application starts, without holding up the start, and frees it when the application stops, after
/// the services that were registered later. A failure ends nothing: the host logs it and the health check reports it.
/// </summary>
internal sealed class DeepSeekModelPreloader(DeepSeekModelHost host) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = host.GetAsync(CancellationToken.None);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => host.DisposeAsync().AsTask().WaitAsync(cancellationToken);
}
