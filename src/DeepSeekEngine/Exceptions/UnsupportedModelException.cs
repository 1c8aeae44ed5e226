namespace DeepSeekEngine;

/// <summary>The checkpoint is well formed but is of a kind this version cannot run.</summary>
public sealed class UnsupportedModelException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file that says so.</param>
    /// <param name="problem">What is not supported, and what is.</param>
    public UnsupportedModelException(string path, string problem)
        : base($"{path}: {problem}")
        => Path = path;

    /// <summary>The file that says so.</summary>
    public string Path { get; }
}
