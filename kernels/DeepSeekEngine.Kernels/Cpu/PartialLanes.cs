using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Loads and stores of fewer values than a register has lanes; the lanes beyond them are zero.</summary>
internal static unsafe class PartialLanes
{
    [SkipLocalsInit]
    public static TLanes Load<TLanes>(float* source, int count)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* padded = stackalloc float[16];
        Pad<float>(source, count, padded, TLanes.Count);
        return TLanes.Load(padded);
    }

    [SkipLocalsInit]
    public static void Store<TLanes>(TLanes value, float* destination, int count)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* padded = stackalloc float[16];
        TLanes.Store(value, padded);
        new ReadOnlySpan<float>(padded, count).CopyTo(new Span<float>(destination, count));
    }

    /// <summary>Copies <paramref name="count"/> elements and fills up to <paramref name="length"/> with zeros.</summary>
    public static void Pad<T>(T* source, int count, T* destination, int length)
        where T : unmanaged
    {
        new ReadOnlySpan<T>(source, count).CopyTo(new Span<T>(destination, count));
        new Span<T>(destination + count, length - count).Clear();
    }
}
