using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>
/// The best dot product of unsigned and signed bytes, summed to 32 bits, that .NET offers on this processor: vpdpbusd, else vpmaddubsw,
/// vpmaddwd and vpaddd; as a matrix product would use it, two registers of weights times four of activations, weights in the first cache.
/// </summary>
internal unsafe struct ByteDotJob : IParallelJob
{
    public const int OperandBytes = 4096;

    private const int Repeats = 1 << 13;
    private const int ActivationRegisters = 4;

    /// <summary>[OperandBytes].</summary>
    public byte* Operands;

    /// <summary>[tasks * 16].</summary>
    public int* Results;

    public static bool IsSupported => Avx2.IsSupported;

    public static string Instructions => EmittedDotJob.IsSupported(onBytes: true) ? "512-bit vpdpbusd" : AvxVnni.IsSupported ? "vpdpbusd" : "vpmaddubsw, vpmaddwd, vpaddd";

    /// <summary>Multiplications and additions of a task.</summary>
    public static long Operations => 2L * Repeats * ActivationRegisters * OperandBytes;

    private static bool Uses512 => !AvxVnni.IsSupported && Avx512BW.IsSupported;

    public readonly void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (var task = start; task < end; task++)
        {
            var result = Results + (task * 16);
            if (Uses512)
            {
                Run512(Operands).Store(result);
            }
            else
            {
                Run256(Operands).Store(result);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<int> Run256(byte* operands)
    {
        Vector256<int> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        var (x0, x1, x2, x3) = (
            Vector256.Load(operands), Vector256.Load(operands + 32), Vector256.Load(operands + 64), Vector256.Load(operands + 96));
        for (var repeat = 0; repeat < Repeats; repeat++)
        {
            for (var w = (sbyte*)operands; w < operands + OperandBytes; w += 64)
            {
                var (wa, wb) = (Vector256.Load(w), Vector256.Load(w + 32));
                a0 = Dot(a0, x0, wa);
                b0 = Dot(b0, x0, wb);
                a1 = Dot(a1, x1, wa);
                b1 = Dot(b1, x1, wb);
                a2 = Dot(a2, x2, wa);
                b2 = Dot(b2, x2, wb);
                a3 = Dot(a3, x3, wa);
                b3 = Dot(b3, x3, wb);
            }
        }

        return a0 + a1 + a2 + a3 + b0 + b1 + b2 + b3;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector512<int> Run512(byte* operands)
    {
        Vector512<int> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        var (x0, x1, x2, x3) = (
            Vector512.Load(operands), Vector512.Load(operands + 64), Vector512.Load(operands + 128), Vector512.Load(operands + 192));
        for (var repeat = 0; repeat < Repeats; repeat++)
        {
            for (var w = (sbyte*)operands; w < operands + OperandBytes; w += 128)
            {
                var (wa, wb) = (Vector512.Load(w), Vector512.Load(w + 64));
                a0 = Dot(a0, x0, wa);
                b0 = Dot(b0, x0, wb);
                a1 = Dot(a1, x1, wa);
                b1 = Dot(b1, x1, wb);
                a2 = Dot(a2, x2, wa);
                b2 = Dot(b2, x2, wb);
                a3 = Dot(a3, x3, wa);
                b3 = Dot(b3, x3, wb);
            }
        }

        return a0 + a1 + a2 + a3 + b0 + b1 + b2 + b3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Dot(Vector256<int> sum, Vector256<byte> x, Vector256<sbyte> w)
        => AvxVnni.IsSupported
            ? AvxVnni.MultiplyWideningAndAdd(sum, x, w)
            : sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(x, w), Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Dot(Vector512<int> sum, Vector512<byte> x, Vector512<sbyte> w)
        => sum + Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(x, w), Vector512.Create((short)1));
}
