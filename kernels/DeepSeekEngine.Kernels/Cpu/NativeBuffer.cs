using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Zeroed memory outside the managed heap, aligned to a cache line. Pages of a large buffer, huge ones where the system has them, are not
/// touched until they are used.
/// There is no finalizer on purpose: kernels hold only the pointer, so collecting the owner must never free what they read.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Alignment = 64;

    private static long outstandingBytes;
    private void* allocation;
    private bool isHeap;

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
        (long oldLength, bool oldIsHeap) = (ByteLength, isHeap);
        Allocate(ByteLength == 0 ? byteLength : checked(byteLength + byteLength / 16));
        Free(old, oldLength, oldIsHeap);
    }

    public void Dispose()
    {
        if (allocation is null)
        {
            return;
        }

        Free(allocation, ByteLength, isHeap);
        allocation = null;
        Pointer = null;
    }

    private static void Free(void* memory, long byteLength, bool isHeap)
    {
        if (isHeap)
        {
            NativeMemory.Free(memory);
        }
        else
        {
            HugePageMemory.Free((byte*)memory, (nuint)byteLength);
        }

        Interlocked.Add(ref outstandingBytes, -byteLength);
    }

    private void Allocate(long byteLength)
    {
        if ((ulong)byteLength > nuint.MaxValue - Alignment)
        {
            throw new OutOfMemoryException();
        }

        void* pages = byteLength >= HugePageMemory.Least ? HugePageMemory.TryAllocate((nuint)byteLength) : null;

        // calloc, unlike an aligned allocation that is cleared afterwards, takes fresh pages from the system as they are.
        allocation = pages is null ? NativeMemory.AllocZeroed((nuint)byteLength + Alignment) : pages;
        isHeap = pages is null;
        Pointer = (byte*)(((nuint)allocation + Alignment - 1) & ~(nuint)(Alignment - 1));
        ByteLength = byteLength;
        Interlocked.Add(ref outstandingBytes, byteLength);
    }
}
