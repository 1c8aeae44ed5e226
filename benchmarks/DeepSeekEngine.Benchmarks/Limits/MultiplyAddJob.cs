using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>Twelve independent chains of fused multiply-adds in registers: as many as hide their latency on every processor of today.</summary>
internal unsafe struct MultiplyAddJob : IParallelJob
{
    private const int Chains = 12;
    private const int Steps = 1 << 20;

    /// <summary>[tasks * 16].</summary>
    public float* Results;

    /// <summary>Multiplications and additions of a task.</summary>
    public static long Operations(LaneWidth width) => 2L * Steps * Chains * (int)width / 32;

    public readonly void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (var task = start; task < end; task++)
        {
            TLanes.Store(Chain<TLanes>(), Results + (task * 16));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TLanes Chain<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes m = TLanes.Broadcast(0.999f);
        TLanes a0 = m, a1 = m, a2 = m, a3 = m, a4 = m, a5 = m, a6 = m, a7 = m, a8 = m, a9 = m, a10 = m, a11 = m;
        for (var i = 0; i < Steps; i++)
        {
            a0 = TLanes.MultiplyAdd(a0, m, m);
            a1 = TLanes.MultiplyAdd(a1, m, m);
            a2 = TLanes.MultiplyAdd(a2, m, m);
            a3 = TLanes.MultiplyAdd(a3, m, m);
            a4 = TLanes.MultiplyAdd(a4, m, m);
            a5 = TLanes.MultiplyAdd(a5, m, m);
            a6 = TLanes.MultiplyAdd(a6, m, m);
            a7 = TLanes.MultiplyAdd(a7, m, m);
            a8 = TLanes.MultiplyAdd(a8, m, m);
            a9 = TLanes.MultiplyAdd(a9, m, m);
            a10 = TLanes.MultiplyAdd(a10, m, m);
            a11 = TLanes.MultiplyAdd(a11, m, m);
        }

        return a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
    }
}
