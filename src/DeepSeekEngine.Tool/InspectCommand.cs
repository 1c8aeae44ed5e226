using System.CommandLine;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;
using Spectre.Console;

namespace DeepSeekEngine.Tool;

/// <summary>Prints what a checkpoint is, what it would take and whether it fits here, from its configuration and headers.</summary>
internal static class InspectCommand
{
    public static Command Create(Terminal terminal)
    {
        var directory = ModelArguments.Directory();
        var tensors = new Option<bool>("--tensors") { Description = "List every tensor." };
        var kvCache = ModelArguments.KvCache();
        var command = new Command("inspect", "Says what a checkpoint is, what memory it needs and whether it fits here.")
        {
            directory, tensors, kvCache,
        };
        command.SetAction(parsed =>
        {
            var path = Path.GetFullPath(parsed.GetRequiredValue(directory));
            var summary = CheckpointSummary.Read(path);
            terminal.Output.Write(Architecture(summary));
            terminal.Output.Write(Parts(summary));
            terminal.Output.Write(MemoryTable.For(path, summary, parsed.GetValue(kvCache)));
            if (parsed.GetValue(tensors))
            {
                List(summary, terminal);
            }
        });
        return command;
    }

    private static Grid Architecture(CheckpointSummary summary)
    {
        var config = summary.Config;
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        Row("architecture", config.Architecture.ToString());
        Row(
            "parameters",
            $"{Units.Count(summary.Parameters)}, of which a token uses {Units.Count(summary.ActiveParameters)}"
            + (summary.MtpParameters > 0 ? $"; {Units.Count(summary.MtpParameters)} more of multi-token prediction" : ""));
        var dense = Enumerable.Range(0, config.Layers).Count(layer => !config.IsMoe(layer));
        Row("layers", $"{config.Layers}, {dense} of them dense" + (config.MtpLayers > 0 ? $", and {config.MtpLayers} of multi-token prediction" : ""));
        Row("attention", Attention(config.Attention));
        Row(
            "feed-forward",
            $"hidden {config.HiddenSize}, dense {config.IntermediateSize}"
            + (config.Router is { } router
                ? $"; {router.Experts} experts of {config.MoeIntermediateSize}, {router.ExpertsPerToken} a token and {config.SharedExperts} shared"
                : ""));
        Row("vocabulary", Units.Number((long)config.VocabSize));
        Row("context", $"{Units.Number((long)config.MaxPositions)} tokens at most");
        return grid;

        void Row(string name, string value) => grid.AddRow(new Text(name, Styles.Note), new Text(value));
    }

    private static string Attention(AttentionConfig attention) => attention switch
    {
        MlaConfig { Shape: var shape } mla =>
            $"{shape.Heads} heads of {shape.Nope} + {shape.Rope} rotated; latent {shape.Latent}"
            + (mla.QLoraRank is { } rank ? $", queries from {rank}" : ""),
        GroupedQueryConfig grouped => $"{grouped.Heads} heads of {grouped.HeadWidth} rotated; {grouped.KeyValueHeads} key-value heads",
        _ => throw new ArgumentException($"{attention.GetType()} has no description.", nameof(attention)),
    };

    /// <summary>What the tensors of each part of the model take, and in which formats.</summary>
    private static Table Parts(CheckpointSummary summary)
    {
        var table = Styles.Table("weights", "tensors", "formats", "bytes");
        foreach (var part in summary.Tensors.GroupBy(NameOf).OrderByDescending(part => part.Sum(tensor => tensor.Bytes)))
        {
            Row(part.Key, part);
        }

        Row("all", summary.Tensors);
        return table;

        void Row(string name, IEnumerable<TensorSummary> tensors) => table.AddRow(
            name, Units.Number((long)tensors.Count()),
            string.Join(", ", tensors.GroupBy(tensor => tensor.Format).OrderByDescending(format => format.Sum(tensor => tensor.Bytes)).Select(format => format.Key)),
            Units.Bytes(tensors.Sum(tensor => tensor.Bytes)));
    }

    private static string NameOf(TensorSummary tensor) => tensor switch
    {
        { IsMtp: true } => "multi-token prediction",
        { Role: TensorRole.Embedding } => "embedding",
        { Role: TensorRole.Head } => "head",
        { Role: TensorRole.Query or TensorRole.KeyValue or TensorRole.LatentDown or TensorRole.LatentUp or TensorRole.AttentionOutput } => "attention",
        { Role: TensorRole.DenseFeedForward } => "dense feed-forward",
        { Role: TensorRole.SharedExperts } => "shared experts",
        { Role: TensorRole.RoutedExperts } => "routed experts",
        { Role: TensorRole.Router } => "router",
        _ => "norms and scales",
    };

    private static void List(CheckpointSummary summary, Terminal terminal)
    {
        foreach (var tensor in summary.Tensors)
        {
            terminal.WriteLine($"{tensor.Name}  [{string.Join(", ", tensor.Shape)}]  {tensor.Format}  {Units.Number(tensor.Bytes)}");
        }
    }
}
