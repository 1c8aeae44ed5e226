using System.CommandLine;

namespace DeepSeekEngine.Tool;

/// <summary>Writes a packed checkpoint.</summary>
internal static class PackCommand
{
    public static Command Create(Terminal terminal)
    {
        var source = ModelArguments.Directory();
        var destination = new Argument<string>("new-directory") { Description = "The directory to write; it must not exist." };
        var format = ModelArguments.Choice("--format", "What to quantise to.", WeightFormat.Int8, WeightFormat.Int4);
        format.Required = true;
        var command = new Command("pack", "Writes a checkpoint whose large matrices are quantised already.") { source, destination, format };
        command.SetAction((parsed, _) => RunAsync(
            terminal, parsed.GetRequiredValue(source), parsed.GetRequiredValue(destination), parsed.GetValue(format)));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string source, string destination, WeightFormat format)
    {
        await LoadingBar.ShowAsync(terminal, "Packing", async (show, cancellation) =>
        {
            await ModelPacker.PackAsync(
                source, destination, format, new LoadingBar.Report<PackProgress>(p => show(p.BytesDone, p.BytesTotal)), cancellation);
            return destination;
        });
        var bytes = Directory.EnumerateFiles(destination, "*.safetensors").Sum(file => new FileInfo(file).Length);
        terminal.WriteLine($"{destination}: {format}, {Units.Bytes(bytes)}");
        return CommandLine.Success;
    }
}
