using DeepSeekEngine.Weights;

namespace DeepSeekEngine;

/// <summary>Writes checkpoints whose large matrices are quantised already, so that loading them is mapping their files.</summary>
public static class ModelPacker
{
    /// <summary>
    /// Quantises a checkpoint as loading it with <see cref="EngineOptions.Weights"/> would, and writes the result as a checkpoint
    /// directory of its own: safetensors files, and the source's other files as they are.
    /// </summary>
    /// <param name="source">The checkpoint directory; it is only read.</param>
    /// <param name="destination">
    /// The directory to write; it must not exist. It appears when it is complete: until then, what is written is in a directory beside
    /// it, which is deleted where packing fails or is cancelled.
    /// </param>
    /// <param name="format">What to quantise to.</param>
    /// <param name="progress">Told of the bytes of the source that are done, from a thread of the packer.</param>
    /// <param name="cancellationToken">Stops packing; what was written is deleted.</param>
    /// <exception cref="ModelFormatException">A file of the source is missing, damaged, or says something that cannot be true.</exception>
    /// <exception cref="UnsupportedModelException">The source is of a kind this version cannot run, or packed already.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="format"/> is neither Int8 nor Int4.</exception>
    /// <exception cref="IOException">The destination exists, cannot be written, or does not fit the disk.</exception>
    /// <exception cref="OperationCanceledException">Packing was cancelled.</exception>
    public static Task PackAsync(
        string source, string destination, WeightFormat format, IProgress<PackProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        if (format is not (WeightFormat.Int8 or WeightFormat.Int4))
        {
            throw new ArgumentOutOfRangeException(nameof(format), format, "A checkpoint is packed to Int8 or Int4.");
        }

        var writer = new PackedCheckpointWriter(
            Path.GetFullPath(source), Path.TrimEndingDirectorySeparator(Path.GetFullPath(destination)), format, progress, cancellationToken);
        return Task.Factory.StartNew(writer.Write, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }
}

/// <summary>How far packing is.</summary>
/// <param name="BytesDone">Bytes of the source's tensors that are packed.</param>
/// <param name="BytesTotal">Bytes of the source's tensors.</param>
public readonly record struct PackProgress(long BytesDone, long BytesTotal)
{
    /// <summary>The share that is done, 0 to 1.</summary>
    public double Fraction => BytesTotal > 0 ? Math.Clamp((double)BytesDone / BytesTotal, 0, 1) : 1;
}
