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

    // Multiples of the distance between keys that addresses cannot have by themselves.
    private static readonly AssemblerRegister64 One = r8, Three = r9, Five = r10, Seven = r11;
    private static readonly AssemblerRegister64 Lower = rax, Upper = rdx, Queries = rsi, Ahead = r13, AheadStep = r14;

    protected override void EmitFunction()
    {
        Code.mov(Queries, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Queries))]);
        Code.mov(Lower, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Keys))]);
        Code.mov(One, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.KeyBytes))]);
        Code.mov(ecx, __dword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Steps))]);
        Code.mov(rbx, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Scores))]);
        Code.mov(Ahead, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.Ahead))]);
        Code.mov(AheadStep, __qword_ptr[Argument + Field(nameof(BFloat16ScoresArguments.AheadStep))]);
        Code.lea(Three, __[One + One * 2]);
        Code.lea(Five, __[One + One * 4]);
        Code.lea(Seven, __[Three + One * 4]);
        Code.lea(Upper, __[Lower + One * 8]);
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

    private static AssemblerMemoryOperand Key(int key, int offset)
    {
        AssemblerRegister64 first = key < 8 ? Lower : Upper;
        return (key % 8) switch
        {
            0 => __dword_bcst[first + offset],
            1 => __dword_bcst[first + One + offset],
            2 => __dword_bcst[first + One * 2 + offset],
            3 => __dword_bcst[first + Three + offset],
            4 => __dword_bcst[first + One * 4 + offset],
            5 => __dword_bcst[first + Five + offset],
            6 => __dword_bcst[first + Three * 2 + offset],
            _ => __dword_bcst[first + Seven + offset],
        };
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16ScoresArguments>(name);
}
