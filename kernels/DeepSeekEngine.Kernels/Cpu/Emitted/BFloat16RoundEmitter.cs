using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>Emits void(<see cref="BFloat16RoundArguments"/>*).</summary>
/// <param name="eightBits">Whether the order is that of E4M3's chunks.</param>
internal sealed class BFloat16RoundEmitter(bool eightBits) : FunctionEmitter
{
    private const int Registers = 4;
    private const int RegisterBytes = 64;

    private static readonly int ColumnsField = Field(nameof(BFloat16RoundArguments.Columns));
    private static readonly AssemblerRegisterK[] Masks = [k1, k2, k3, k4];

    protected override void EmitFunction()
    {
        // The mask of 64 columns is one of each 16.
        Code.kmovq(k1, __qword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Mask)))]);
        for (int i = 1; i < Registers; i++)
        {
            Code.kshiftrq(Masks[i], k1, (byte)(16 * i));
        }

        Code.mov(rsi, __qword_ptr[Argument + Field(nameof(BFloat16RoundArguments.X))]);
        Code.mov(r8, __qword_ptr[Argument + Field(nameof(BFloat16RoundArguments.Y))]);
        Code.mov(rbx, __qword_ptr[Argument + Field(nameof(BFloat16RoundArguments.Scales))]);
        Code.mov(r9d, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Partial)))]);
        Code.mov(ecx, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Chunks)))]);
        Code.sub(ecx, r9d);
        Label loop = Code.CreateLabel(), rest = Code.CreateLabel(), done = Code.CreateLabel();
        Code.je(rest);
        Code.Label(ref loop);
        EmitChunk(partial: false);
        Code.add(rsi, Registers * RegisterBytes);
        Code.add(r8, BFloat16Layout.ChunkBytes);
        Code.add(rbx, sizeof(float));
        Code.dec(ecx);
        Code.jne(loop);
        Code.Label(ref rest);
        Code.test(r9d, r9d);
        Code.je(done);
        EmitChunk(partial: true);
        Code.Label(ref done);
    }

    private void EmitChunk(bool partial)
    {
        Code.vbroadcastss(zmm8, __dword_ptr[rbx]);
        for (int i = 0; i < Registers; i++)
        {
            Code.vmovups(partial ? Masked(Zmm(i), i) : Zmm(i), __zmmword_ptr[rsi + i * RegisterBytes]);
            Code.vmulps(Zmm(i), Zmm(i), zmm8);
            Code.vcvtneps2bf16(Ymm(i), Zmm(i));
            if (eightBits)
            {
                Code.vmovups(__xmmword_ptr[r8 + 16 * i], Xmm(i));
                Code.vextractf128(__xmmword_ptr[r8 + (64 + 16 * i)], Ymm(i), 1);
            }
            else
            {
                Code.vmovups(__ymmword_ptr[r8 + 32 * i], Ymm(i));
            }
        }
    }

    private static AssemblerRegisterZMM Masked(AssemblerRegisterZMM register, int mask) => mask switch
    {
        0 => register.k1.z,
        1 => register.k2.z,
        2 => register.k3.z,
        _ => register.k4.z,
    };

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16RoundArguments>(name);

    private static int ChunkField(string name) => (int)Marshal.OffsetOf<ColumnChunks>(name);
}
