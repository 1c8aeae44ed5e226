using Spectre.Console;

namespace DeepSeekEngine.Tool;

/// <summary>How things look on a screen.</summary>
internal static class Styles
{
    public static Style Reasoning { get; } = new(decoration: Decoration.Dim);

    public static Style Note { get; } = new(decoration: Decoration.Dim);

    public static Style Prompt { get; } = new(Color.DodgerBlue1, decoration: Decoration.Bold);

    public static Style Problem { get; } = new(Color.Red);

    /// <summary>A table with a line under its head and nothing else.</summary>
    public static Table Table(params ReadOnlySpan<string> columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
        {
            var cell = new TableColumn(new Markup($"[bold]{Markup.Escape(column)}[/]")).NoWrap();
            table.AddColumn(table.Columns.Count == 0 ? cell : cell.RightAligned());
        }

        return table;
    }
}
