using System.Text.Json;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>The fixture directories at hand, by family.</summary>
public static class OracleFixtures
{
    /// <summary>Directories of the DeepSeek-V2 and V3 architectures.</summary>
    public static IEnumerable<string> DeepSeek => All.Where(IsDeepSeek);

    /// <summary>Directories of the dense families the distilled models belong to.</summary>
    public static IEnumerable<string> Dense => All.Where(directory => !IsDeepSeek(directory));

    private static IEnumerable<string> All
        => TestPaths.Fixtures.SelectMany(Directory.EnumerateDirectories)
            .Where(directory => File.Exists(Path.Combine(directory, "expected.json")))
            .Order(StringComparer.Ordinal);

    private static bool IsDeepSeek(string directory)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "config.json")));
        return config.RootElement.GetProperty("architectures")[0].GetString()!.StartsWith("Deepseek", StringComparison.Ordinal);
    }
}
