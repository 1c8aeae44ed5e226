namespace DeepSeekEngine;

/// <summary>A file of the checkpoint directory is missing, damaged, or says something that cannot be true.</summary>
public sealed class ModelFormatException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file or directory at fault.</param>
    /// <param name="problem">What was found, what was expected, and what to do about it.</param>
    /// <param name="tensor">The tensor at fault, if the fault is in one.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public ModelFormatException(string path, string problem, string? tensor = null, Exception? innerException = null)
        : base(tensor is null ? $"{path}: {problem}" : $"{path}: tensor '{tensor}': {problem}", innerException)
    {
        Path = path;
        Tensor = tensor;
    }

    /// <summary>The file or directory at fault.</summary>
    public string Path { get; }

    /// <summary>The name of the tensor at fault; null when the fault is not in a tensor.</summary>
    public string? Tensor { get; }
}
