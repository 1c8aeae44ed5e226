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
        Mnemonic.Jg, Mnemonic.Jmp, Mnemonic.Ret, Mnemonic.Prefetcht0, Mnemonic.Vzeroupper, Mnemonic.Vmovups, Mnemonic.Vmovdqu,
        Mnemonic.Vmovdqu32, Mnemonic.Vpxord, Mnemonic.Vpandd, Mnemonic.Vpsrld, Mnemonic.Vpslld, Mnemonic.Vpmovzxwd, Mnemonic.Vpaddd,
        Mnemonic.Vpbroadcastd, Mnemonic.Vcvtdq2ps, Mnemonic.Vmulps, Mnemonic.Vfmadd231ps,
        Mnemonic.Vpdpbusd, Mnemonic.Vpdpwssd, Mnemonic.Vdpbf16ps,
    ];

    private static readonly HashSet<CpuidFeature> Needed =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL386, CpuidFeature.X64, CpuidFeature.SSE, CpuidFeature.AVX,
        CpuidFeature.AVX512F,
    ];

    private static readonly Register[] SystemVSaved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
    private static readonly Register[] WindowsSaved = [.. SystemVSaved, Register.RDI, Register.RSI];

    [Test]
    public void Functions_consist_of_instructions_the_processor_was_asked_for(
        [Values("Int8", "Int4", "BFloat16")] string kernel, [Values] bool windows)
    {
        CpuidFeature special = kernel == "BFloat16" ? CpuidFeature.AVX512_BF16 : CpuidFeature.AVX512_VNNI;
        var instructions = Decode(kernel, windows);
        var starts = instructions.Select(instruction => instruction.IP).ToHashSet();
        Assert.That(instructions.Where(i => !Expected.Contains(i.Mnemonic)), Is.Empty);
        Assert.That(instructions.SelectMany(i => i.CpuidFeatures).Distinct().Where(f => f != special && !Needed.Contains(f)), Is.Empty);
        var branches = instructions.Where(i => i.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch);
        Assert.That(branches.Where(i => !starts.Contains(i.NearBranchTarget)), Is.Empty);
        Assert.That(instructions.Count(instruction => instruction.Mnemonic == Mnemonic.Ret), Is.EqualTo(1));
        Assert.That(instructions[^1].Mnemonic, Is.EqualTo(Mnemonic.Ret));
    }

    [Test]
    public void Registers_of_the_caller_are_saved_before_and_restored_after(
        [Values("Int8", "Int4", "BFloat16")] string kernel, [Values] bool windows)
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
        TokenTileEmitter emitter = kernel switch
        {
            "Int8" => new PackedInt8Emitter(),
            "Int4" => new PackedInt4Emitter(),
            _ => new BFloat16Emitter(),
        };
        byte[] code = emitter.Emit(windows ? NativeAbi.Windows : NativeAbi.SystemV);
        var decoder = Decoder.Create(64, code);
        var instructions = new List<Instruction>();
        while (decoder.IP < (ulong)code.Length)
        {
            instructions.Add(decoder.Decode());
        }

        return [.. instructions];
    }
}
