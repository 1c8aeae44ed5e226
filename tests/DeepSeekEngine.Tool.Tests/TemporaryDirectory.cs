namespace DeepSeekEngine.Tool.Tests;

/// <summary>A directory that goes with this object.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("deepseek-tool-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
