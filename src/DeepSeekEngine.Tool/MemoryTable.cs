using DeepSeekEngine.Weights;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DeepSeekEngine.Tool;

/// <summary>What a checkpoint takes in memory in each weight format and for several context lengths, and whether a device has it.</summary>
internal static class MemoryTable
{
    private static readonly int[] Contexts = [4096, 8192, 32768, 131072];

    public static IRenderable For(string directory, CheckpointSummary summary)
    {
        var longest = summary.Config.MaxPositions;
        int[] contexts = [.. Contexts.Where(context => context < longest), longest];
        WeightFormat[] formats = summary.PackedFormat is WeightFormat.AsStored
            ? Enum.GetValues<WeightFormat>()
            : [WeightFormat.AsStored];
        var devices = DeepSeekModel.GetDevices();
        var table = Styles.Table(["memory for", "weights", .. contexts.Select(context => $"+ {Units.Number((long)context)} tokens")]);
        foreach (var format in formats)
        {
            var estimates = contexts
                .Select(context => DeepSeekModel.EstimateMemory(directory, OneConversation(format, context))).ToList();
            table.AddRow(
                [format.ToString(), Units.Bytes(estimates[0].Weights), .. estimates.Select(estimate => Units.Bytes(estimate.Total))]);
            foreach (var device in devices.Where(device => device.Device is Device.Cpu || format is WeightFormat.AsStored && summary.PackedFormat == format))
            {
                table.AddRow([$"  {device.Device} {device.Index}", "", .. estimates.Select(estimate => Fit(estimate, device))]);
            }
        }

        return new Rows(
            [
                table,
                .. devices.Select(device => new Text($"{device.Device} {device.Index}: {device.Name}, {Units.Bytes(device.MemoryBytes)}", Styles.Note)),
                new Text("One conversation of that length at a time. From disk: weights stay in their files and are read again as needed.", Styles.Note),
            ]);
    }

    /// <summary>Whether a device has the memory. On the CPU only what is not in files must fit.</summary>
    internal static string Fit(MemoryEstimate estimate, DeviceInfo device) => device switch
    {
        { MemoryBytes: var memory } when estimate.Total <= memory => "fits",
        { Device: Device.Cpu, MemoryBytes: var memory } when estimate.Total - estimate.MappedWeights <= memory => "from disk",
        _ => "too large",
    };

    private static EngineOptions OneConversation(WeightFormat format, int context)
        => new() { Weights = format, ContextLength = context, MaxConcurrentRequests = 1 };
}
