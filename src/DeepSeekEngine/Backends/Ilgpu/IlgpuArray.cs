using System.Runtime.InteropServices;
using DeepSeekEngine.Backends.Simd;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>An array in an accelerator's memory.</summary>
internal sealed class IlgpuArray<T>(IlgpuBackend owner, MemoryBuffer1D<T, Stride1D.Dense> buffer, long length) : DeviceArray<T>(length)
    where T : unmanaged
{
    public IlgpuBackend Owner => owner;

    public ArrayView<T> View { get; } = buffer.View.BaseView;

    public bool IsDisposed => buffer.IsDisposed;

    public override unsafe void Upload(ReadOnlySpan<T> source, long offset = 0)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        CheckRange(offset, source.Length);
        const int Piece = 1 << 20;
        ArrayView<byte> bytes = View.Cast<byte>();
        while (!source.IsEmpty)
        {
            ReadOnlySpan<T> piece = source[..Math.Min(source.Length, Piece)];
            owner.Staging.Upload(MemoryMarshal.AsBytes(piece), bytes, offset * sizeof(T));
            source = source[piece.Length..];
            offset += piece.Length;
        }
    }

    public override unsafe void Download(Span<T> destination, long offset = 0)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        CheckRange(offset, destination.Length);
        if (!destination.IsEmpty)
        {
            View.SubView(offset, destination.Length).CopyToCPU(owner.Stream, destination);
            owner.Staging.Drained();
            owner.DownloadedBytes += (long)destination.Length * sizeof(T);
        }
    }

    public override void CopyTo(DeviceArray<T> destination, int count)
    {
        CheckRange(0, count);
        if (destination is SimdArray<T> host)
        {
            Download(host.Span(count));
        }
        else
        {
            destination.Upload(owner.Landing.Receive(this, count));
        }
    }

    public override void Dispose() => owner.Release(buffer);
}
