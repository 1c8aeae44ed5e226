using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>Reads memory, a task one stretch of it, and combines all bits of it so that no load can be left out.</summary>
internal unsafe struct ReadJob : IParallelJob
{
    public const int TaskBytes = 4 << 20;

    private const int StepBytes = 256;
    private const int PrefetchBytes = 4096;

    public byte* Memory;

    /// <summary>[workers * 8].</summary>
    public long* Sums;

    public readonly void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
        => Sums[worker * 8] += Vector512.IsHardwareAccelerated
            ? Read512(Memory + ((long)start * TaskBytes), (long)(end - start) * TaskBytes)
            : Read256(Memory + ((long)start * TaskBytes), (long)(end - start) * TaskBytes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Read256(byte* source, long bytes)
    {
        var (a, b, c, d) = (Vector256<long>.Zero, Vector256<long>.Zero, Vector256<long>.Zero, Vector256<long>.Zero);
        for (var end = source + bytes; source < end; source += StepBytes)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(source + PrefetchBytes);
                Sse.Prefetch0(source + PrefetchBytes + 64);
                Sse.Prefetch0(source + PrefetchBytes + 128);
                Sse.Prefetch0(source + PrefetchBytes + 192);
            }

            a ^= Vector256.Load((long*)source);
            b ^= Vector256.Load((long*)(source + 32));
            c ^= Vector256.Load((long*)(source + 64));
            d ^= Vector256.Load((long*)(source + 96));
            a ^= Vector256.Load((long*)(source + 128));
            b ^= Vector256.Load((long*)(source + 160));
            c ^= Vector256.Load((long*)(source + 192));
            d ^= Vector256.Load((long*)(source + 224));
        }

        return Vector256.Sum(a ^ b ^ c ^ d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Read512(byte* source, long bytes)
    {
        var (a, b, c, d) = (Vector512<long>.Zero, Vector512<long>.Zero, Vector512<long>.Zero, Vector512<long>.Zero);
        for (var end = source + bytes; source < end; source += StepBytes)
        {
            Sse.Prefetch0(source + PrefetchBytes);
            Sse.Prefetch0(source + PrefetchBytes + 64);
            Sse.Prefetch0(source + PrefetchBytes + 128);
            Sse.Prefetch0(source + PrefetchBytes + 192);
            a ^= Vector512.Load((long*)source);
            b ^= Vector512.Load((long*)(source + 64));
            c ^= Vector512.Load((long*)(source + 128));
            d ^= Vector512.Load((long*)(source + 192));
        }

        return Vector512.Sum(a ^ b ^ c ^ d);
    }
}
