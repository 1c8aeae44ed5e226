using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="BFloat16TileArguments"/>*): four rows and up to six tokens at a time, a register for each of their sums.
/// </summary>
internal sealed class BFloat16TileEmitter : FunctionEmitter
{
    private const int Rows = BFloat16Layout.TileRows;
    private const int MaxTokens = BFloat16Layout.TileTokens;

    // Registers: sums 0-23, activations 24-29, weights 30 and 31.
    private const int FirstX = Rows * MaxTokens, FirstWeights = FirstX + MaxTokens;

    protected override void EmitFunction()
    {
        // Half registers beyond the sixteenth have no shorter encoding.
        Code.PreferVex = false;
        Code.mov(rbx, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.Weights))]);
        Code.mov(rbp, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.Sums))]);
        Code.mov(r11, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.SumBytes))]);
        Code.mov(r15d, __dword_ptr[Argument + Field(nameof(BFloat16TileArguments.Rows))]);
        Code.mov(r13, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.Ahead))]);
        Code.mov(r14, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.AheadStep))]);
        Code.mov(eax, __dword_ptr[Argument + Field(nameof(BFloat16TileArguments.Tokens))]);
        Label done = Code.CreateLabel();
        var bodies = new Label[MaxTokens + 1];
        for (int tokens = 1; tokens <= MaxTokens; tokens++)
        {
            bodies[tokens] = Code.CreateLabel();
            Code.cmp(eax, tokens);
            Code.je(bodies[tokens]);
        }

        for (int tokens = MaxTokens; tokens > 0; tokens--)
        {
            EmitRows(ref bodies[tokens], tokens);
            if (tokens > 1)
            {
                Code.jmp(done);
            }
        }

        Code.Label(ref done);
    }

    private void EmitRows(ref Label rows, int tokens)
    {
        Label chunks = Code.CreateLabel();
        Code.Label(ref rows);
        for (int i = 0; i < Rows * tokens; i++)
        {
            Code.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }

        Code.mov(rsi, rbx);
        Code.mov(r8, __qword_ptr[Argument + Field(nameof(BFloat16TileArguments.X))]);
        Code.mov(ecx, __dword_ptr[Argument + Field(nameof(BFloat16TileArguments.Chunks))]);
        Code.Label(ref chunks);
        for (int offset = 0; offset < BFloat16Layout.ChunkBytes; offset += 64)
        {
            Code.prefetcht1(__byte_ptr[r13 + offset]);
            for (int t = 0; t < tokens; t++)
            {
                Code.vmovdqu16(Zmm(FirstX + t), __zmmword_ptr[r8 + (t * BFloat16Layout.RowBytes + offset)]);
            }

            for (int r = 0; r < Rows; r++)
            {
                var weights = Zmm(FirstWeights + r % 2);
                Code.vmovdqu16(weights, __zmmword_ptr[rsi + (r * BFloat16Layout.RowBytes + offset)]);
                for (int t = 0; t < tokens; t++)
                {
                    Code.vdpbf16ps(Zmm(Rows * t + r), weights, Zmm(FirstX + t));
                }
            }
        }

        Code.add(rsi, BFloat16Layout.ChunkBytes);
        Code.add(r8, BFloat16Layout.ChunkBytes);
        Code.add(r13, r14);
        Code.dec(ecx);
        Code.jne(chunks);
        Code.mov(rdx, rbp);
        for (int t = 0; t < tokens; t++)
        {
            EmitSums(Rows * t);
            Code.add(rdx, r11);
        }

        Code.add(rbx, Rows * BFloat16Layout.RowBytes);
        Code.add(rbp, Rows * sizeof(float));
        Code.sub(r15d, Rows);
        Code.jg(rows);
    }

    /// <summary>Four registers' sums, in <see cref="BFloat16Layout"/>'s order, side by side.</summary>
    private void EmitSums(int first)
    {
        AssemblerRegisterZMM a = Zmm(first), b = Zmm(first + 1), c = Zmm(first + 2), d = Zmm(first + 3), x = Zmm(FirstWeights);
        Code.vunpcklps(x, a, b);
        Code.vunpckhps(a, a, b);
        Code.vaddps(a, a, x);
        Code.vunpcklps(x, c, d);
        Code.vunpckhps(c, c, d);
        Code.vaddps(c, c, x);
        Code.vunpcklpd(x, a, c);
        Code.vunpckhpd(a, a, c);
        Code.vaddps(a, a, x);
        Code.vextractf64x4(Ymm(FirstWeights), a, 1);
        Code.vaddps(Ymm(first), Ymm(first), Ymm(FirstWeights));
        Code.vextractf32x4(Xmm(FirstWeights), Ymm(first), 1);
        Code.vaddps(Xmm(first), Xmm(first), Xmm(FirstWeights));
        Code.vaddps(Xmm(first), Xmm(first), __xmmword_ptr[rdx]);
        Code.vmovups(__xmmword_ptr[rdx], Xmm(first));
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16TileArguments>(name);
}
