using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>
/// Independent chains of a 512-bit dot product that .NET has no intrinsic for, in registers: the rate of vdpbf16ps, two products a lane, or
/// of vpdpbusd, four. The library's own kernels are emitted the same way.
/// </summary>
internal unsafe struct EmittedDotJob : IParallelJob
{
    private const int Chains = 24;
    private const int Steps = 1 << 19;

    private static readonly delegate* unmanaged<Arguments*, void> BFloat16 = Emit(CpuFeatures.Avx512BFloat16, bytes: false);
    private static readonly delegate* unmanaged<Arguments*, void> Bytes = Emit(CpuFeatures.Avx512Vnni, bytes: true);

    /// <summary>Whether bytes are multiplied rather than bfloat16.</summary>
    public required bool OnBytes { get; init; }

    public static bool IsSupported(bool onBytes) => onBytes ? Bytes != null : BFloat16 != null;

    /// <summary>Multiplications and additions of a task.</summary>
    public static long Operations(bool onBytes) => 2L * Steps * Chains * Vector512<float>.Count * (onBytes ? 4 : 2);

    public readonly void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var arguments = new Arguments { Steps = Steps };
        new Span<ushort>(arguments.Operands, 64).Fill(0x3F7F);
        for (var task = start; task < end; task++)
        {
            (OnBytes ? Bytes : BFloat16)(&arguments);
        }
    }

    private static delegate* unmanaged<Arguments*, void> Emit(bool supported, bool bytes)
        => (delegate* unmanaged<Arguments*, void>)EmittedCode.For(supported, () => new Emitter(bytes));

    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public fixed ushort Operands[64];

        public int Steps;
    }

    private sealed class Emitter(bool bytes) : FunctionEmitter
    {
        protected override void EmitFunction()
        {
            Code.vmovups(zmm30, __zmmword_ptr[Argument]);
            Code.vmovups(zmm31, __zmmword_ptr[Argument + 64]);
            for (var i = 0; i < Chains; i++)
            {
                Code.vpxord(Zmm(i), Zmm(i), Zmm(i));
            }

            Code.mov(ecx, __dword_ptr[Argument + 128]);
            var loop = Code.CreateLabel();
            Code.Label(ref loop);
            for (var i = 0; i < Chains; i++)
            {
                if (bytes)
                {
                    Code.vpdpbusd(Zmm(i), zmm30, zmm31);
                }
                else
                {
                    Code.vdpbf16ps(Zmm(i), zmm30, zmm31);
                }
            }

            Code.dec(ecx);
            Code.jne(loop);
        }
    }
}
