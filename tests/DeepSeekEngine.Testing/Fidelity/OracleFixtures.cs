namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>The fixture directories at hand, of every architecture.</summary>
public static class OracleFixtures
{
    public static IEnumerable<string> All
        => TestPaths.Fixtures.SelectMany(Directory.EnumerateDirectories)
            .Where(directory => File.Exists(Path.Combine(directory, "expected.json")))
            .Order(StringComparer.Ordinal);
}
