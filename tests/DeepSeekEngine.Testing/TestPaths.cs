namespace DeepSeekEngine.Testing;

/// <summary>Where the data of the tests lies.</summary>
public static class TestPaths
{
    /// <summary>The directory that holds DeepSeekEngine.sln.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>Folders of model fixtures: the repository's, and the one DEEPSEEKENGINE_FIXTURES names.</summary>
    public static IReadOnlyList<string> Fixtures => WithOverride(Path.Combine(RepositoryRoot, "tests", "fixtures"), "DEEPSEEKENGINE_FIXTURES");

    /// <summary>A file or directory among the repository's own fixtures.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([RepositoryRoot, "tests", "fixtures", .. parts]);

    /// <summary>Folders of tokenizer cases: the repository's, and the one DEEPSEEKENGINE_TOKENIZER_CASES names.</summary>
    public static IReadOnlyList<string> TokenizerCases => WithOverride(TokenizerDirectory, "DEEPSEEKENGINE_TOKENIZER_CASES");

    /// <summary>The repository's folder of tokenizer cases, which holds R1's tokenizer.json.</summary>
    public static string TokenizerDirectory => Path.Combine(RepositoryRoot, "tests", "tokenizer");

    /// <summary>The directory of the model tiny-r1.</summary>
    public static string TinyR1 => Path.Combine(RepositoryRoot, "samples", "models", "tiny-r1");

    private static string[] WithOverride(string directory, string variable)
        => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } other ? [directory, other] : [directory];

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "DeepSeekEngine.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No directory above {AppContext.BaseDirectory} holds DeepSeekEngine.sln.");
    }
}
