using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Zeroed memory outside the managed heap, aligned to a cache line. Pages of a large buffer are not touched until they are used.
/// There is no finalizer on purpose: kernels hold only the pointer, so collecting the owner must never free what they read.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Alignment = 64;

    private static long outstandingBytes;
    private void* allocation;

    /// <exception cref="OutOfMemoryException">There is not that much memory.</exception>
    public NativeBuffer(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        Allocate(byteLength);
    }

    /// <summary>Bytes of all buffers that are not disposed.</summary>
    public static long OutstandingBytes => Interlocked.Read(ref outstandingBytes);

    /// <summary>Null once disposed.</summary>
    public byte* Pointer { get; private set; }

    public long ByteLength { get; private set; }

    /// <summary>
    /// Makes a workspace at least so large, and larger than that by a sixteenth, so that one which grows step by step seldom moves and takes
    /// hardly more than it needs. What it held is lost if it moves. Allocates nothing on the managed heap.
    /// </summary>
    /// <exception cref="OutOfMemoryException">There is not that much memory; the buffer is as it was.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public void Reserve(long byteLength)
    {
        ObjectDisposedException.ThrowIf(allocation is null, this);
        if (byteLength <= ByteLength)
        {
            return;
        }

        void* old = allocation;
        long oldLength = ByteLength;
        Allocate(ByteLength == 0 ? byteLength : checked(byteLength + byteLength / 16));
        NativeMemory.Free(old);
        Interlocked.Add(ref outstandingBytes, -oldLength);
    }

    public void Dispose()
    {
        if (allocation is null)
        {
            return;
        }

        NativeMemory.Free(allocation);
        allocation = null;
        Pointer = null;
        Interlocked.Add(ref outstandingBytes, -ByteLength);
    }

    private void Allocate(long byteLength)
    {
        if ((ulong)byteLength > nuint.MaxValue - Alignment)
        {
            throw new OutOfMemoryException();
        }

        // calloc, unlike an aligned allocation that is cleared afterwards, takes fresh pages from the system as they are.
        allocation = NativeMemory.AllocZeroed((nuint)byteLength + Alignment);
        Pointer = (byte*)(((nuint)allocation + Alignment - 1) & ~(nuint)(Alignment - 1));
        ByteLength = byteLength;
        Interlocked.Add(ref outstandingBytes, byteLength);
    }
}
