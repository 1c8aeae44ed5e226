using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>What loaders of one checkpoint share: threads to quantise with, bytes counted, a wish to stop.</summary>
/// <param name="loadedBytes">Told how many bytes of the checkpoint are loaded so far.</param>
internal sealed class CheckpointReading(int threads, Action<long>? loadedBytes, CancellationToken cancellationToken)
{
    private long _bytes;

    public ParallelQuantizer Quantizer { get; } = new(threads, cancellationToken);

    public void ThrowIfCancelled() => cancellationToken.ThrowIfCancellationRequested();

    public void Loaded(long bytes) => loadedBytes?.Invoke(_bytes += bytes);
}
