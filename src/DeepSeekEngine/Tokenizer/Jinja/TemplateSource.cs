namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>A template's text, with line ends as Jinja sees them, and where it came from.</summary>
internal sealed class TemplateSource
{
    public TemplateSource(string path, string text)
    {
        Path = path;
        string normalized = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        Text = normalized.EndsWith('\n') ? normalized[..^1] : normalized;
    }

    public string Path { get; }

    public string Text { get; }

    /// <summary>The exception for a construct at <paramref name="position"/> that cannot be parsed or rendered.</summary>
    public UnsupportedModelException Unsupported(int position, string problem)
    {
        ReadOnlySpan<char> before = Text.AsSpan(0, Math.Min(position, Text.Length));
        int line = before.Count('\n') + 1;
        int column = before.Length - (before.LastIndexOf('\n') + 1) + 1;
        return new UnsupportedModelException(Path, $"chat template, line {line}, column {column}: {problem}");
    }
}
