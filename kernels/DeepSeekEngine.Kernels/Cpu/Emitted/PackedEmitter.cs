using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>Emits void(<see cref="PackedTile"/>*): all but how a block is multiplied.</summary>
internal abstract class PackedEmitter : TokenTileEmitter
{
    /// <summary>So few tokens wait for memory, and one stream is more than the processor fetches ahead by itself.</summary>
    private const int MaxPrefetchTokens = 4;

    protected const int LineBytes = 64;
    protected const int Scales = 1, Biases = 2;

    // Of every token group that is computed; no register is free.
    private int AheadSlot => base.SlotBytes;

    protected override int SlotBytes => base.SlotBytes + sizeof(long);

    protected override int TokensField => Field(nameof(PackedTile.Tokens));

    protected override int WeightsField => Field(nameof(PackedTile.Weights));

    protected override TokenStream[] Streams { get; } =
    [
        new(Field(nameof(PackedTile.X)), Field(nameof(PackedTile.XStride)), sizeof(sbyte)),
        new(Field(nameof(PackedTile.XScales)), Field(nameof(PackedTile.XScaleStride)), sizeof(float)),
        new(Field(nameof(PackedTile.XBiases)), Field(nameof(PackedTile.XBiasStride)), sizeof(int)),
        new(Field(nameof(PackedTile.Y)), Field(nameof(PackedTile.YStride)), sizeof(float)),
    ];

    // Bytes from one token to the next, and those of the first token at the current block.
    protected static AssemblerRegister64 ScaleStride => r10;

    protected static AssemblerRegister64 BiasStride => r15;

    protected static AssemblerRegister64 FirstScale => rbx;

    protected static AssemblerRegister64 FirstBias => rbp;

    /// <summary>The block's number.</summary>
    protected static AssemblerRegister64 Block => rcx;

    /// <summary>Bytes of weights ahead of their use at which few tokens ask for them.</summary>
    protected abstract int PrefetchDistance { get; }

    /// <summary>y[0], y[1], ... in registers from this one on.</summary>
    protected abstract int FirstResult { get; }

    protected abstract int BlockBytes { get; }

    protected abstract int BlockColumns { get; }

    protected override void EmitConstants()
    {
        LoadStride(ScaleStride, Scales);
        LoadStride(BiasStride, Biases);
        Code.mov(rax, __qword_ptr[Tile + Field(nameof(PackedTile.Ahead))]);
        Code.mov(__qword_ptr[rsp + AheadSlot], rax);
    }

    protected override void EmitBody(int tokens)
    {
        LoadPointer(FirstScale, Scales);
        LoadPointer(FirstBias, Biases);
        for (int t = 0; t < tokens; t++)
        {
            Code.vpxord(Result(t), Result(t), Result(t));
        }

        Label loop = Code.CreateLabel();
        Code.xor(ecx, ecx);
        Code.Label(ref loop);
        EmitBlock(tokens);
        Code.add(Weights, BlockBytes);
        AdvanceX(tokens, BlockColumns);
        Code.inc(ecx);
        Code.cmp(ecx, __dword_ptr[Tile + Field(nameof(PackedTile.Blocks))]);
        Code.jl(loop);
        ForResults(tokens, t => Code.vmovups(__zmmword_ptr[rdx], Result(t)));
    }

    /// <summary>Asks for a share of what comes after this panel, for many tokens; rax is lost.</summary>
    protected void LookAhead(int tokens)
    {
        if (tokens <= MaxPrefetchTokens)
        {
            return;
        }

        Code.mov(rax, __qword_ptr[rsp + AheadSlot]);
        for (int line = 0; line < PackedTile.AheadLines; line++)
        {
            Code.prefetcht1(__byte_ptr[rax + line * LineBytes]);
        }

        Code.add(rax, __qword_ptr[Tile + Field(nameof(PackedTile.AheadStep))]);
        Code.mov(__qword_ptr[rsp + AheadSlot], rax);
    }

    /// <summary>y += one block of the panel times the tokens.</summary>
    protected abstract void EmitBlock(int tokens);

    /// <summary>Loads a line of weights.</summary>
    protected void LoadLine(AssemblerRegisterZMM line, int offset, int tokens)
    {
        Prefetch(offset, tokens);
        Code.vmovdqu32(line, __zmmword_ptr[Weights + offset]);
    }

    /// <summary>Asks for the line that few tokens will need where this one is needed now.</summary>
    protected void Prefetch(int offset, int tokens)
    {
        if (tokens <= MaxPrefetchTokens)
        {
            Code.prefetcht1(__byte_ptr[Weights + (offset + PrefetchDistance)]);
        }
    }

    /// <summary>y[token] = fma(float(sum), wScale * [xScale], y[token]); the sum is lost.</summary>
    protected void Fold(int token, AssemblerRegisterZMM sum, AssemblerRegisterZMM weightScale, AssemblerRegister64 scale, AssemblerRegisterZMM free)
    {
        Code.vcvtdq2ps(sum, sum);
        Code.vmulps(free, weightScale, __dword_bcst[scale]);
        Code.vfmadd231ps(Result(token), sum, free);
    }

    private AssemblerRegisterZMM Result(int token) => Zmm(FirstResult + token);

    private static int Field(string name) => (int)Marshal.OffsetOf<PackedTile>(name);
}

/// <summary>
/// Int8 with vpdpbusd, which adds to each lane the products of four unsigned stored bytes and four signed activations: one step of a
/// panel. A block's 128 columns are in one sum, which a token keeps in a register of its own.
/// </summary>
internal sealed class PackedInt8Emitter : PackedEmitter
{
    // Registers: sums 0-13, results 14-27, the current line or the weights' scales, and their product with the activations'.
    private static readonly AssemblerRegisterZMM Line = zmm30;
    private static readonly AssemblerRegisterZMM Product = zmm31;

    protected override int MaxTokens => 14;

    protected override int FirstResult => 14;

    protected override int PrefetchDistance => 4096;

    protected override int BlockBytes => PackedLayout.Int8BlockBytes;

    protected override int BlockColumns => PackedLayout.Int8BlockColumns;

    protected override void EmitBlock(int tokens)
    {
        // An addition waits for the one before it in the same register, so few tokens take several each.
        int chains = tokens == 1 ? 4 : tokens <= 5 ? 2 : 1;
        Code.mov(rdx, FirstBias);
        for (int t = 0; t < tokens; t++)
        {
            Code.vpbroadcastd(Zmm(t), __dword_ptr[rdx]);
            Code.add(rdx, BiasStride);
        }

        for (int i = tokens; i < chains * tokens; i++)
        {
            Code.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }

        LookAhead(tokens);
        for (int step = 0; step < Int8Block.Steps; step++)
        {
            LoadLine(Line, Int8Block.ScaleBytes + step * LineBytes, tokens);
            for (int t = 0; t < tokens; t++)
            {
                Code.vpdpbusd(Zmm(step % chains * tokens + t), Line, __dword_bcst[X(t, step * PackedLayout.StepColumns)]);
            }
        }

        for (int i = tokens; i < chains * tokens; i++)
        {
            Code.vpaddd(Zmm(i % tokens), Zmm(i % tokens), Zmm(i));
        }

        LoadLine(Line, 0, tokens);
        Code.mov(rdx, FirstScale);
        for (int t = 0; t < tokens; t++)
        {
            Fold(t, Zmm(t), Line, rdx, Product);
            Code.add(rdx, ScaleStride);
        }

        Code.add(FirstScale, sizeof(float));
        Code.add(FirstBias, sizeof(int));
    }
}

/// <summary>
/// Int4 with vpdpbusd: a group's 32 columns are unpacked once for all tokens, whose sums follow each other in a few registers.
/// </summary>
internal sealed class PackedInt4Emitter : PackedEmitter
{
    private const int FirstLow = 5, FirstHigh = FirstLow + Int4Block.GroupLines;
    private const int SumRegisters = 3;

    // Registers: sums 0-2, products 3 and 4, nibbles 5-12, these, then the results.
    private static readonly AssemblerRegisterZMM GroupScales = zmm13;
    private static readonly AssemblerRegisterZMM LowNibbles = zmm14;

    protected override int MaxTokens => 16;

    protected override int FirstResult => 16;

    protected override int PrefetchDistance => 8192;

    protected override int BlockBytes => PackedLayout.Int4BlockBytes;

    protected override int BlockColumns => PackedLayout.Int4BlockColumns;

    protected override void EmitConstants()
    {
        base.EmitConstants();
        Code.mov(eax, 0x0F0F0F0F);
        Code.vpbroadcastd(LowNibbles, eax);
    }

    protected override void EmitBlock(int tokens)
    {
        Prefetch(0, tokens);
        LookAhead(tokens);
        for (int group = 0; group < Int4Block.Groups; group++)
        {
            EmitGroup(group, tokens);
        }

        Code.add(FirstBias, Int4Block.Groups * sizeof(int));
    }

    private void EmitGroup(int group, int tokens)
    {
        for (int line = 0; line < Int4Block.GroupLines; line++)
        {
            AssemblerRegisterZMM low = Zmm(FirstLow + line), high = Zmm(FirstHigh + line);
            LoadLine(low, Int4Block.ScaleBytes + (group * Int4Block.GroupLines + line) * LineBytes, tokens);
            Int4Block.Split(Code, low, high, LowNibbles);
        }

        Int4Block.LoadScales(Code, GroupScales, Weights, group);
        Int4Block.LocateScale(Code, FirstScale);
        Code.mov(rdx, FirstBias);
        for (int t = 0; t < tokens; t++)
        {
            AssemblerRegisterZMM sum = Zmm(t % SumRegisters);
            Code.vpbroadcastd(sum, __dword_ptr[rdx + group * sizeof(int)]);
            for (int line = 0; line < Int4Block.GroupLines; line++)
            {
                int column = group * PackedLayout.Int4GroupColumns + line * Int4Block.LineColumns;
                Code.vpdpbusd(sum, Zmm(FirstLow + line), __dword_bcst[X(t, column)]);
                Code.vpdpbusd(sum, Zmm(FirstHigh + line), __dword_bcst[X(t, column + PackedLayout.StepColumns)]);
            }

            Fold(t, sum, GroupScales, rax, Zmm(SumRegisters + t % 2));
            Code.add(rax, ScaleStride);
            Code.add(rdx, BiasStride);
        }
    }
}
