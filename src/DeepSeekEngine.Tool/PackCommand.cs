namespace DeepSeekEngine.Tool;

/// <summary>Writes a packed checkpoint.</summary>
internal sealed record PackCommand(string Source, string Destination, WeightFormat Format)
{
    public const string Usage = "  deepseek pack MODEL-DIRECTORY NEW-DIRECTORY --format int8|int4";

    /// <summary>Null where the arguments are not those of <see cref="Usage"/>.</summary>
    public static PackCommand? TryParse(string[] args) => args switch
    {
        [var source, var destination, "--format", "int8"] => new PackCommand(source, destination, WeightFormat.Int8),
        [var source, var destination, "--format", "int4"] => new PackCommand(source, destination, WeightFormat.Int4),
        _ => null,
    };

    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await ModelPacker.PackAsync(Source, Destination, Format, new ProgressLine(), cancellationToken);
        var bytes = Directory.EnumerateFiles(Destination, "*.safetensors").Sum(file => new FileInfo(file).Length);
        output.WriteLine($"{Destination}: {Format}, {bytes / 1e6:N0} MB");
    }

    /// <summary>Shows how far packing is, on one line of standard error where that is a screen.</summary>
    private sealed class ProgressLine : IProgress<PackProgress>
    {
        private int _percent = -1;

        public void Report(PackProgress progress)
        {
            var percent = (int)(100 * progress.Fraction);
            if (!Console.IsErrorRedirected && percent != _percent)
            {
                _percent = percent;
                Console.Error.Write(
                    percent == 100 ? "\r\e[K" : $"\r\e[K{percent} %: {progress.BytesDone / 1e9:N1} of {progress.BytesTotal / 1e9:N1} GB");
            }
        }
    }
}
