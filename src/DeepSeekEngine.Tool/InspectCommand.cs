using System.Globalization;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Tool;

/// <summary>Prints what a checkpoint is and what it would take, from its configuration and headers.</summary>
internal sealed record InspectCommand(string Directory)
{
    public const string Usage = "  deepseek inspect MODEL-DIRECTORY";

    /// <summary>Null where the arguments are not those of <see cref="Usage"/>.</summary>
    public static InspectCommand? TryParse(string[] args) => args is [var directory] ? new InspectCommand(directory) : null;

    public void Run(TextWriter output)
    {
        var summary = CheckpointSummary.Read(Path.GetFullPath(Directory));
        Line("architecture", summary.Architecture);
        Line("parameters", $"{Count(summary.Parameters)}, of which a token uses {Count(summary.ActiveParameters)}");
        if (summary.MtpParameters > 0)
        {
            Line("", $"and {Count(summary.MtpParameters)} of multi-token prediction");
        }

        foreach (var (format, bytes) in summary.BytesByFormat)
        {
            Line(format, Size(bytes));
        }

        WeightFormat[] formats = summary.PackedFormat is WeightFormat.AsStored
            ? Enum.GetValues<WeightFormat>()
            : [WeightFormat.AsStored];
        foreach (var format in formats)
        {
            var memory = DeepSeekModel.EstimateMemory(Directory, new EngineOptions { Weights = format });
            Line(
                $"memory, {format}",
                $"{Size(memory.Total)}: weights {Size(memory.Weights)} ({Size(memory.MappedWeights)} of them in their files), "
                + $"cache {Size(memory.Cache)}, workspaces {Size(memory.Workspaces)}");
        }

        void Line(string name, string value) => output.WriteLine($"{name,-18}{value}");
    }

    private static string Size(long bytes) => bytes switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:N2} GB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N2} MB"),
    };

    private static string Count(long parameters) => parameters switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e9:N2} billion"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e6:N2} million"),
    };
}
