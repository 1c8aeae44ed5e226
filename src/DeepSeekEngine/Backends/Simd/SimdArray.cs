using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <summary>An array in native memory, aligned to a cache line. Operations complete before they return, so nothing ever waits.</summary>
internal sealed unsafe class SimdArray<T>(long length, NativeBuffer memory) : DeviceArray<T>(length)
    where T : unmanaged
{
    /// <exception cref="ObjectDisposedException">The array was disposed.</exception>
    public T* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(memory.Pointer == null, this);
            return (T*)memory.Pointer;
        }
    }

    public override void Upload(ReadOnlySpan<T> source, long offset = 0)
    {
        CheckRange(offset, source.Length);
        source.CopyTo(new Span<T>(Pointer + offset, source.Length));
    }

    public override void Download(Span<T> destination, long offset = 0)
    {
        CheckRange(offset, destination.Length);
        new ReadOnlySpan<T>(Pointer + offset, destination.Length).CopyTo(destination);
    }

    public override void CopyTo(DeviceArray<T> destination, int count)
    {
        CheckRange(0, count);
        destination.Upload(new ReadOnlySpan<T>(Pointer, count));
    }

    /// <summary>The first elements, where they lie.</summary>
    public Span<T> Span(int count)
    {
        CheckRange(0, count);
        return new Span<T>(Pointer, count);
    }

    public override void Dispose() => memory.Dispose();
}
