using DeepSeekEngine.Backends;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>The loaders of a model's parts where a placement has them, which own what they loaded.</summary>
internal sealed class PlacedWeights : IDisposable
{
    private readonly WeightLoader[] _devices;

    /// <param name="devices">A loader for each device of the placement, in order.</param>
    /// <param name="host">The host's loader, if routed experts stay there.</param>
    public PlacedWeights(Placement placement, WeightLoader[] devices, WeightLoader? host)
    {
        if (placement.Devices != devices.Length || placement.ExpertsOnHost != host is not null)
        {
            throw new ArgumentException("These are not the loaders the placement needs.", nameof(devices));
        }

        Placement = placement;
        _devices = devices;
        Host = host;
        foreach (var device in devices)
        {
            device.Experts = host ?? device;
        }
    }

    public Placement Placement { get; }

    public WeightLoader? Host { get; }

    public IReadOnlyList<WeightLoader> Devices => _devices;

    public WeightLoader First => _devices[0];

    public WeightLoader Last => _devices[^1];

    /// <summary>The loader for the device of a layer.</summary>
    public WeightLoader Of(int layer) => _devices[Placement.DeviceOf(layer)];

    /// <summary>Loaders of a checkpoint for backends, which count what they load together.</summary>
    /// <param name="host">What computes routed experts that stay on the host; null if none do.</param>
    public static PlacedWeights Load(
        Placement placement, IReadOnlyList<IBackend> devices, IBackend? host, IWeightSource source, QuantizationPolicy policy,
        int threads = 1, Action<long>? loadedBytes = null, CancellationToken cancellationToken = default)
    {
        var reading = new CheckpointReading(threads, loadedBytes, cancellationToken);
        return new PlacedWeights(
            placement, [.. devices.Select(device => new CheckpointLoader(device, source, policy, reading))],
            host is null ? null : new CheckpointLoader(host, source, policy, reading));
    }

    public void Dispose()
    {
        for (var i = _devices.Length - 1; i >= 0; i--)
        {
            _devices[i].Dispose();
        }

        Host?.Dispose();
    }
}
