using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="BFloat16ScoresArguments"/>*): queries lie side by side in a register, which pairs of a key's columns are broadcast
/// to; a register for the scores of each of sixteen keys.
/// </summary>
internal sealed class BFloat16ScoresEmitter : FunctionEmitter
{
    private const int Keys = BFloat16AttentionBlock.TileKeys;
    private const int StepPairs = BFloat16AttentionBlock.StepPairs;
    private const int LineBytes = 64;

    private static readonly Multiples KeyBytes = new(r8, r9, r10, r11);
    private static readonly AssemblerRegister64 Lower = rax, Upper = rdx, Queries = rsi, Ahead = r13, AheadStep = r14;

    protected override void EmitFunction()
    {
        Code.mov(Queries, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Queries))]);
        Code.mov(Lower, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Keys))]);
        Code.mov(KeyBytes.One, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.KeyBytes))]);
        Code.mov(ecx, __dword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Steps))]);
        Code.mov(rbx, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Scores))]);
        Code.mov(Ahead, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Ahead))]);
        Code.mov(AheadStep, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.AheadStep))]);
        KeyBytes.Load(Code);
        Code.lea(Upper, KeyBytes.At(Lower, 8));
        for (int key = 0; key < Keys; key++)
        {
            Code.vpxord(Zmm(key), Zmm(key), Zmm(key));
        }

        Label step = Code.CreateLabel();
        Code.Label(ref step);
        for (int pair = 0; pair < StepPairs; pair++)
        {
            var query = Zmm(Keys + pair % 2);
            Code.vmovdqu32(query, __zmmword_ptr[Queries + pair * LineBytes]);
            Code.prefetcht1(__byte_ptr[Ahead + pair * LineBytes]);
            for (int key = 0; key < Keys; key++)
            {
                Code.vdpbf16ps(Zmm(key), query, Key(key, pair * sizeof(uint)));
            }
        }

        Code.add(Queries, StepPairs * LineBytes);
        Code.add(Lower, StepPairs * sizeof(uint));
        Code.add(Upper, StepPairs * sizeof(uint));
        Code.add(Ahead, AheadStep);
        Code.dec(ecx);
        Code.jne(step);
        for (int key = 0; key < Keys; key++)
        {
            Code.vmovups(__zmmword_ptr[rbx + key * LineBytes], Zmm(key));
        }
    }

    private static AssemblerMemoryOperand Key(int key, int offset) => __dword_bcst[KeyBytes.At(key < 8 ? Lower : Upper, key % 8, offset)];

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16ScoresArguments>(name);
}
