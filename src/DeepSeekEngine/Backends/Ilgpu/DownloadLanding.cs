using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>Where what one device sends to another lands on its way through the host: page-locked memory, as large as was ever needed.</summary>
internal sealed class DownloadLanding(Accelerator accelerator) : IDisposable
{
    private PageLockedArray1D<byte>? buffer;

    /// <summary>Waits for the device and copies the first elements of its array; good until the next call.</summary>
    public unsafe ReadOnlySpan<T> Receive<T>(DeviceArray<T> array, int count)
        where T : unmanaged
    {
        long bytes = Math.Max(1, (long)count * sizeof(T));
        if (buffer is null || buffer.Length < bytes)
        {
            buffer?.Dispose();
            buffer = accelerator.AllocatePageLocked1D<byte>(bytes);
        }

        Span<T> elements = MemoryMarshal.Cast<byte, T>(buffer.Span)[..count];
        array.Download(elements);
        return elements;
    }

    public void Dispose() => buffer?.Dispose();
}
