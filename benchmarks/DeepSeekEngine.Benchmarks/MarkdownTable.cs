namespace DeepSeekEngine.Benchmarks;

/// <summary>Rows of text under headings, aligned so that it is readable as it is.</summary>
internal sealed class MarkdownTable(params string[] headings)
{
    private readonly List<string[]> _rows = [headings];

    public void Add(params string[] row) => _rows.Add(row);

    public override string ToString()
    {
        var widths = headings.Select((_, column) => _rows.Max(row => row[column].Length)).ToArray();
        var lines = _rows.Select(row => Line(row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])))).ToList();
        lines.Insert(1, Line(widths.Select((width, i) => i == 0 ? new string('-', width) : $"{new string('-', width - 1)}:")));
        return string.Join('\n', lines) + "\n";

        static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";
    }
}
