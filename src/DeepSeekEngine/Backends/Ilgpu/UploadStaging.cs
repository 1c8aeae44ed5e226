using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Copies what a step begins with to the device without waiting for it: through a page-locked buffer that is handed out piece by piece and
/// starts over whenever the stream has drained, be it for a download or because the buffer is full.
/// </summary>
internal sealed class UploadStaging(Accelerator accelerator, AcceleratorStream stream) : IDisposable
{
    private const int Capacity = 8 << 20;

    private PageLockedArray1D<byte>? buffer;
    private int used;

    /// <summary>To be called when the stream has completed everything issued.</summary>
    public void Drained() => used = 0;

    /// <summary>Copies to the target from byte <paramref name="targetOffset"/> on. The source may be reused on return.</summary>
    public void Upload(ReadOnlySpan<byte> source, ArrayView<byte> target, long targetOffset)
    {
        buffer ??= accelerator.AllocatePageLocked1D<byte>(Capacity);
        for (int done = 0; done < source.Length;)
        {
            if (used == Capacity)
            {
                stream.Synchronize();
                used = 0;
            }

            int length = Math.Min(source.Length - done, Capacity - used);
            Span<byte> piece = buffer.Span.Slice(used, length);
            source.Slice(done, length).CopyTo(piece);
            target.SubView(targetOffset + done, length).CopyFromCPUUnsafeAsync(stream, ref piece[0], length);
            used += length;
            done += length;
        }
    }

    public void Dispose() => buffer?.Dispose();
}
