using System.Text.RegularExpressions;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>The folder the pages call <c>/models</c>: the sample model stands for each of the published ones it is said to have.</summary>
internal sealed partial class ModelsFolder : IDisposable
{
    private static readonly string[] Published = ["DeepSeek-R1", "DeepSeek-V2-Lite-Chat"];

    public ModelsFolder()
    {
        foreach (var model in Published)
        {
            Directory.CreateSymbolicLink(System.IO.Path.Combine(Path, model), TestPaths.TinyR1);
        }
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("deepseek-docs-").FullName;

    /// <summary>The text with this folder in the place of the one the pages name.</summary>
    public string Fill(string text) => Folder().Replace(text, $"{Path}/");

    public void Dispose() => Directory.Delete(Path, recursive: true);

    [GeneratedRegex(@"(?<![\w.])/models/")]
    private static partial Regex Folder();
}
