using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Copies host memory to the device without waiting for the device: through a page-locked buffer that is handed out piece by piece and
/// starts over whenever the stream has drained, be it for a download or because the buffer is full.
/// </summary>
internal sealed class UploadStaging(Accelerator accelerator, AcceleratorStream stream) : IDisposable
{
    private const int Capacity = 8 << 20;

    private PageLockedArray1D<byte>? buffer;
    private int used;

    /// <summary>To be called when the stream has completed everything issued.</summary>
    public void Drained() => used = 0;

    /// <summary>
    /// Copies rows of <paramref name="rowBytes"/> to rows of <paramref name="pitch"/> bytes, the rest of each zero. The source may be
    /// reused on return.
    /// </summary>
    public unsafe void Upload(byte* source, long rows, long rowBytes, ArrayView<byte> target, long targetOffset, long pitch)
    {
        buffer ??= accelerator.AllocatePageLocked1D<byte>(Capacity);
        long total = checked(rows * pitch);
        if (rowBytes == pitch)
        {
            rowBytes = pitch = total;
        }

        for (long done = 0; done < total;)
        {
            if (used == Capacity)
            {
                stream.Synchronize();
                used = 0;
            }

            int length = (int)Math.Min(total - done, Capacity - used);
            Span<byte> piece = buffer.Span.Slice(used, length);
            CopyPadded(source, rowBytes, pitch, done, piece);
            target.SubView(targetOffset + done, length).CopyFromCPUUnsafeAsync(stream, ref piece[0], length);
            used += length;
            done += length;
        }
    }

    public void Dispose() => buffer?.Dispose();

    /// <summary>Fills a piece of the padded rows, beginning at byte <paramref name="start"/> of them.</summary>
    private static unsafe void CopyPadded(byte* source, long rowBytes, long pitch, long start, Span<byte> piece)
    {
        while (!piece.IsEmpty)
        {
            (long row, long at) = Math.DivRem(start, pitch);
            int length = (int)Math.Min(pitch - at, piece.Length);
            int data = (int)Math.Clamp(rowBytes - at, 0, length);
            new ReadOnlySpan<byte>(source + row * rowBytes + at, data).CopyTo(piece);
            piece[data..length].Clear();
            piece = piece[length..];
            start += length;
        }
    }
}
