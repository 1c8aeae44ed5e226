using System.Numerics;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Memory for what an operation leaves for its next kernel. Where it has to grow, what it was before stays allocated: a recorded step may refer
/// to it.
/// </summary>
internal sealed class StepBuffer<T>(IlgpuBackend owner)
    where T : unmanaged
{
    private readonly List<MemoryBuffer1D<T, Stride1D.Dense>> buffers = [];

    /// <summary>At least so many elements.</summary>
    /// <exception cref="NotEnoughMemoryException">The device has not that much memory.</exception>
    public ArrayView<T> Get(long length)
    {
        if (!Holds(length))
        {
            buffers.Add(owner.AllocateBuffer<T>(Rounded(length)));
        }

        return buffers[^1].View.BaseView;
    }

    /// <summary>Whether <see cref="Get"/> has so much, or may take it and leave as much to others.</summary>
    public bool HasRoom(long length) => Holds(length) || Rounded(length) <= owner.AvailableBytes / 2 / Interop.SizeOf<T>();

    private static long Rounded(long length) => (long)BitOperations.RoundUpToPowerOf2((ulong)length);

    private bool Holds(long length) => buffers.Count > 0 && buffers[^1].Length >= length;
}
