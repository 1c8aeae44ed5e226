namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>A pattern as written, and the file it is written in: what messages about it name.</summary>
/// <param name="Path">The file.</param>
/// <param name="Text">The regular expression.</param>
internal sealed record PatternSource(string Path, string Text)
{
    private const int ShownCharacters = 200;

    private string Shown => Text.Length <= ShownCharacters ? Text : Text[..ShownCharacters] + "...";

    public ModelFormatException Malformed(string problem) => new(Path, $"the pre_tokenizer's pattern '{Shown}' is malformed: {problem}.");

    public UnsupportedModelException Unsupported(string problem)
        => new(Path, $"the pre_tokenizer's pattern '{Shown}' is not supported: {problem}.");
}
