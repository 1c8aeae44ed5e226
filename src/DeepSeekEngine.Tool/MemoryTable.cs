using DeepSeekEngine.Weights;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DeepSeekEngine.Tool;

/// <summary>What a checkpoint takes in memory in each weight format and for several context lengths, and whether a device has it.</summary>
internal static class MemoryTable
{
    private static readonly int[] Contexts = [4096, 8192, 32768, 131072];

    public static IRenderable For(string directory, CheckpointSummary summary, KvCachePrecision kvCache)
    {
        var longest = summary.Config.MaxPositions;
        int[] contexts = [.. Contexts.Where(context => context < longest), longest];
        IReadOnlyList<WeightFormat> formats = summary.PackedFormat is WeightFormat.AsStored
            ? QuantizationPolicy.Formats
            : [WeightFormat.AsStored];
        var devices = DeepSeekModel.GetDevices();
        var table = Styles.Table(["memory for", "weights", .. contexts.Select(context => $"+ {Units.Number((long)context)} tokens")]);
        var host = devices.Single(device => device.Device is Device.Cpu);
        foreach (var format in formats)
        {
            var onHost = EstimatesFor(host, format);
            table.AddRow([format.ToString(), Units.Bytes(onHost[0].Weights), .. onHost.Select(estimate => Units.Bytes(estimate.Total))]);
            foreach (var device in devices)
            {
                var estimates = device == host ? onHost : EstimatesFor(device, format);
                table.AddRow(
                    [$"  {device.Device} {device.Index}", "", .. estimates.Select(estimate => Fit(estimate, device.MemoryBytes, host.MemoryBytes))]);
            }
        }

        return new Rows(
            [
                table,
                .. devices.Select(device => new Text($"{device.Device} {device.Index}: {device.Name}, {Units.Bytes(device.MemoryBytes)}", Styles.Note)),
                new Text(
                    "One conversation of that length at a time. From disk: weights stay in their files and are read again as needed. Experts on "
                    + "CPU: a GPU computes the rest.",
                    Styles.Note),
            ]);

        List<MemoryEstimate> EstimatesFor(DeviceInfo device, WeightFormat format) =>
        [
            .. contexts.Select(context => DeepSeekModel.EstimateMemory(directory, new EngineOptions
            {
                Device = device.Device, DeviceIndex = device.Index, Weights = format, KvCache = kvCache,
                ContextLength = context, MaxConcurrentRequests = 1,
            })),
        ];
    }

    /// <summary>Whether device and host have the memory. On the host only what is not in files must fit.</summary>
    /// <param name="estimate">What a model takes on the device, on the host or on both.</param>
    /// <param name="device">Bytes the device has, if it is not the host.</param>
    /// <param name="host">Bytes the host has.</param>
    internal static string Fit(MemoryEstimate estimate, long device, long host)
    {
        var onHost = estimate.Total - estimate.OnDevices;
        return estimate.OnDevices > device || onHost - estimate.MappedWeights > host ? "too large"
            : onHost > host ? "from disk"
            : estimate.OnDevices > 0 && onHost > 0 ? "experts on CPU"
            : "fits";
    }
}
