namespace DeepSeekEngine.Model;

/// <summary>
/// Where the parts of a model are: its layers in contiguous runs, each on a device of its own, the routed experts with their layer or on
/// the host. The embedding is on the first device; the head and the multi-token-prediction modules are on the last.
/// </summary>
/// <param name="FirstLayers">The first layer of each device, ascending from 0.</param>
/// <param name="ExpertsOnHost">Whether the host computes the routed experts.</param>
internal sealed record Placement(IReadOnlyList<int> FirstLayers, bool ExpertsOnHost)
{
    /// <summary>All on one device.</summary>
    public static Placement OneDevice { get; } = new([0], ExpertsOnHost: false);

    public int Devices => FirstLayers.Count;

    /// <summary>The device a layer is on.</summary>
    public int DeviceOf(int layer)
    {
        var device = Devices - 1;
        while (FirstLayers[device] > layer)
        {
            device--;
        }

        return device;
    }

    /// <summary>The layers of a device of a model of so many.</summary>
    public Range LayersOf(int device, int layers) => FirstLayers[device]..(device + 1 < Devices ? FirstLayers[device + 1] : layers);

    /// <summary>Layers in contiguous runs, at least one a device, each run's part of all bytes as near as can be to its device's part of
    /// all memory.</summary>
    /// <param name="layerBytes">What each layer takes.</param>
    /// <param name="memory">What each device has.</param>
    /// <exception cref="ArgumentException">There are fewer layers than devices.</exception>
    public static Placement Divide(ReadOnlySpan<long> layerBytes, ReadOnlySpan<long> memory, bool expertsOnHost)
    {
        if (layerBytes.Length < memory.Length)
        {
            throw new ArgumentException($"{layerBytes.Length} layers cannot be divided among {memory.Length} devices.", nameof(memory));
        }

        double allBytes = Math.Max(1, Sum(layerBytes));
        double allMemory = Math.Max(1, Sum(memory));
        var first = new int[memory.Length];
        double bytes = 0;
        double share = 0;
        for (int device = 1, layer = 0; device < memory.Length; device++)
        {
            share += memory[device - 1] / allMemory;
            var end = layerBytes.Length - (memory.Length - device);
            do
            {
                bytes += layerBytes[layer++];
            }
            while (layer < end && (bytes + (layerBytes[layer] / 2.0)) / allBytes <= share);
            first[device] = layer;
        }

        return new Placement(first, expertsOnHost);
    }

    private static double Sum(ReadOnlySpan<long> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }
}
