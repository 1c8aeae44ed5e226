using DeepSeekEngine.Kernels.Cpu.Emitted;
using Iced.Intel;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>What can be said of the emitted instructions without running them.</summary>
public class EmittedCodeTests
{
    private static readonly HashSet<Mnemonic> Expected =
    [
        Mnemonic.Push, Mnemonic.Pop, Mnemonic.Mov, Mnemonic.Lea, Mnemonic.Add, Mnemonic.Sub, Mnemonic.Imul, Mnemonic.Shl, Mnemonic.Shr,
        Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Xor, Mnemonic.Test, Mnemonic.Cmp, Mnemonic.Je, Mnemonic.Jle, Mnemonic.Jl, Mnemonic.Jge,
        Mnemonic.Jg, Mnemonic.Jmp, Mnemonic.Ret, Mnemonic.Prefetcht0, Mnemonic.Prefetcht1, Mnemonic.Vpord, Mnemonic.Vzeroupper, Mnemonic.Vmovups, Mnemonic.Vmovdqu,
        Mnemonic.Vmovdqu32, Mnemonic.Vpxord, Mnemonic.Vpandd, Mnemonic.Vpsrld, Mnemonic.Vpslld, Mnemonic.Vpmovzxwd, Mnemonic.Vpaddd,
        Mnemonic.Vpbroadcastd, Mnemonic.Vcvtdq2ps, Mnemonic.Vmulps, Mnemonic.Vfmadd231ps,
        Mnemonic.Vpdpbusd, Mnemonic.Vdpbf16ps, Mnemonic.Jne, Mnemonic.Kmovq, Mnemonic.Kmovd, Mnemonic.Kshiftrq,
        Mnemonic.Vmovdqu8, Mnemonic.Vmovdqu16, Mnemonic.Vmovdqa64, Mnemonic.Vmovss, Mnemonic.Vaddps, Mnemonic.Vaddss, Mnemonic.Vpermilps,
        Mnemonic.Vpermi2b, Mnemonic.Vpternlogd, Mnemonic.Vpunpcklbw, Mnemonic.Vpunpckhbw, Mnemonic.Vunpcklps, Mnemonic.Vunpckhps,
        Mnemonic.Vunpcklpd, Mnemonic.Vunpckhpd, Mnemonic.Vextractf64x4, Mnemonic.Vextractf32x4, Mnemonic.Vextractf128,
        Mnemonic.Vbroadcastss, Mnemonic.Vcvtneps2bf16, Mnemonic.And, Mnemonic.Vpsubb, Mnemonic.Ldtilecfg, Mnemonic.Tilerelease,
        Mnemonic.Tilezero, Mnemonic.Tileloadd, Mnemonic.Tilestored, Mnemonic.Tdpbsud, Mnemonic.Tdpbssd,
    ];

    private static readonly string[] Names = [.. Enum.GetNames<PackedFunction>(), .. Enum.GetNames<BFloat16Function>()];

    private static readonly HashSet<CpuidFeature> Needed =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.SSE, CpuidFeature.AVX,
        CpuidFeature.AVX512F,
    ];

    private static readonly Register[] SystemVSaved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
    private static readonly Register[] WindowsSaved = [.. SystemVSaved, Register.RDI, Register.RSI];

    [Test]
    public void Functions_consist_of_instructions_the_processor_was_asked_for(
        [ValueSource(nameof(Names))] string kernel, [Values] bool windows)
    {
        CpuidFeature[] special = kernel switch
        {
            "Int8" or "Int4" => [CpuidFeature.AVX512_VNNI],
            "AmxInt8" or "AmxInt4" => [CpuidFeature.AMX_TILE, CpuidFeature.AMX_INT8, CpuidFeature.AVX512BW],
            _ => [CpuidFeature.AVX512_BF16, CpuidFeature.AVX512BW, CpuidFeature.AVX512DQ, CpuidFeature.AVX512_VBMI, CpuidFeature.AVX512VL],
        };
        var instructions = Decode(kernel, windows);
        var starts = instructions.Select(instruction => instruction.IP).ToHashSet();
        Assert.That(instructions.Where(i => !Expected.Contains(i.Mnemonic)), Is.Empty);
        Assert.That(instructions.SelectMany(i => i.CpuidFeatures).Distinct().Where(f => !special.Contains(f) && !Needed.Contains(f)), Is.Empty);
        var branches = instructions.Where(i => i.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch);
        Assert.That(branches.Where(i => !starts.Contains(i.NearBranchTarget)), Is.Empty);
    }

    [Test]
    public void Registers_of_the_caller_are_saved_before_and_restored_after(
        [ValueSource(nameof(Names))] string kernel, [Values] bool windows)
    {
        var instructions = Decode(kernel, windows);
        Register[] saved = windows ? WindowsSaved : SystemVSaved;
        Register[] pushed = [.. instructions.TakeWhile(i => i.Mnemonic == Mnemonic.Push).Select(i => i.Op0Register)];
        Register[] popped = [.. instructions.SkipLast(1).Reverse().TakeWhile(i => i.Mnemonic == Mnemonic.Pop).Select(i => i.Op0Register)];
        Assert.That(pushed, Is.EqualTo(popped));
        Assert.That(pushed, Is.EquivalentTo(saved));
        Assert.That(instructions.Count(i => i.Mnemonic is Mnemonic.Push or Mnemonic.Pop), Is.EqualTo(2 * saved.Length));

        // The stack pointer moves down once and up once, by as much.
        var moves = instructions.Where(i => i.Op0Register == Register.RSP).ToArray();
        Assert.That(moves.Select(i => i.Mnemonic), Is.EqualTo((Mnemonic[])[Mnemonic.Sub, Mnemonic.Add]));
        Assert.That(moves[0].GetImmediate(1), Is.EqualTo(moves[1].GetImmediate(1)));
        if (!windows)
        {
            return;
        }

        var kept = instructions.Where(i => i.Mnemonic == Mnemonic.Vmovdqu).ToArray();
        Register[] xmms = [.. Enumerable.Range(0, 10).Select(i => Register.XMM6 + i)];
        Assert.That(kept.Take(10).Select(i => i.Op1Register), Is.EqualTo(xmms));
        Assert.That(kept.Skip(10).Select(i => i.Op0Register), Is.EqualTo(xmms));
        Assert.That(kept.Take(10).Select(i => i.MemoryDisplacement64), Is.EqualTo(kept.Skip(10).Select(i => i.MemoryDisplacement64)));
    }

    private static Instruction[] Decode(string kernel, bool windows)
    {
        FunctionEmitter emitter = Enum.TryParse(kernel, out PackedFunction packed)
            ? PackedTileCase.Emitter(packed)
            : new BFloat16Case(Enum.Parse<BFloat16Function>(kernel), 1, 64, 1, 8).Emitter();
        byte[] code = emitter.Emit(windows ? NativeAbi.Windows : NativeAbi.SystemV);
        var decoder = Decoder.Create(64, code);
        var instructions = new List<Instruction>();
        do
        {
            instructions.Add(decoder.Decode());
        }
        while (instructions[^1].Mnemonic != Mnemonic.Ret);

        // What follows the only return is no code but tables: of lower and of upper bytes, of shapes of tiles for every number of tokens.
        int tables = kernel switch
        {
            "Vector8" or "Decode8" => 256,
            "AmxInt8" or "AmxInt4" => 16 * 64,
            _ => 0,
        };
        Assert.That(code.Length - (int)decoder.IP, Is.EqualTo(tables));
        return [.. instructions];
    }
}
