using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Copies weights from where they lie to the device through two page-locked buffers with a stream each: while one is on its way to the
/// device, the other is filled, by several threads, which is also what reads a mapped file.
/// </summary>
internal sealed class WeightUpload(Accelerator accelerator) : IDisposable
{
    private const int BufferBytes = 16 << 20;

    /// <summary>Bytes worth a thread to copy them.</summary>
    private const int PartBytes = 2 << 20;

    private readonly Slot[] slots = new Slot[2];
    private int next;

    /// <summary>
    /// Copies rows of <paramref name="rowBytes"/> to rows of <paramref name="pitch"/> bytes, the rest of each zero. The source may be
    /// reused on return; the device has it after <see cref="Complete"/>.
    /// </summary>
    public unsafe void Upload(byte* source, long rows, long rowBytes, ArrayView<byte> target, long targetOffset, long pitch)
    {
        long total = checked(rows * pitch);
        if (rowBytes == pitch)
        {
            rowBytes = pitch = total;
        }

        for (long done = 0; done < total;)
        {
            ref Slot slot = ref slots[next];
            next = (next + 1) % slots.Length;
            slot.Stream ??= accelerator.CreateStream();
            slot.Buffer ??= accelerator.AllocatePageLocked1D<byte>(BufferBytes);
            slot.Stream.Synchronize();
            int length = (int)Math.Min(total - done, BufferBytes);
            Fill(source, rowBytes, pitch, done, slot.Buffer.Span[..length]);
            target.SubView(targetOffset + done, length).CopyFromCPUUnsafeAsync(slot.Stream, ref slot.Buffer.Span[0], length);
            done += length;
        }
    }

    /// <summary>Waits until the device has all of it.</summary>
    public void Complete()
    {
        foreach (Slot slot in slots)
        {
            slot.Stream?.Synchronize();
        }
    }

    public void Dispose()
    {
        Complete();
        foreach (Slot slot in slots)
        {
            slot.Buffer?.Dispose();
            slot.Stream?.Dispose();
        }
    }

    private static unsafe void Fill(byte* source, long rowBytes, long pitch, long start, Span<byte> buffer)
    {
        int length = buffer.Length;
        int parts = (length + PartBytes - 1) / PartBytes;
        fixed (byte* pinned = buffer)
        {
            byte* target = pinned;
            if (parts == 1)
            {
                CopyPadded(source, rowBytes, pitch, start, buffer);
                return;
            }

            Parallel.For(0, parts, part =>
            {
                int from = part * PartBytes;
                CopyPadded(source, rowBytes, pitch, start + from, new Span<byte>(target + from, Math.Min(PartBytes, length - from)));
            });
        }
    }

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

    private struct Slot
    {
        public AcceleratorStream? Stream;
        public PageLockedArray1D<byte>? Buffer;
    }
}
