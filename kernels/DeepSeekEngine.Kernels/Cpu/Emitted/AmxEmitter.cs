using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="PackedTile"/>*) with the tiles of AMX: sums [token][row] += activations [token][column] * weights [column / 4]
/// [row][column % 4], a panel's steps as they lie. Sums go through memory to registers, where they are folded.
/// </summary>
internal abstract class AmxEmitter : PackedEmitter
{
    /// <summary>Products that a block of either encoding takes.</summary>
    protected const int Products = 2;

    private const int ConfigurationBytes = 64;
    private const int Palette = 1;
    private const int ColumnBytesOffset = 16, RowsOffset = 48;

    // Tiles are addressed by a stride, so that the multiples of X's that the base class computes are not needed.
    private static readonly AssemblerRegister64 LineStep = r13;
    private static readonly AssemblerRegister64 Scratch = r14;

    private static readonly AssemblerRegisterTMM[] SumTiles = [tmm0, tmm1];
    private static readonly AssemblerRegisterTMM[] XTiles = [tmm2, tmm3];
    private static readonly AssemblerRegisterTMM[] WeightTiles = [tmm4, tmm5];

    private Label configurations;

    /// <summary>The scratch memory is aligned, so that no row of a tile is in two cache lines.</summary>
    protected override int SlotBytes => base.SlotBytes + ScratchLines * LineBytes + LineBytes;

    protected override int MaxTokens => PackedTile.AheadTokens;

    protected override int FirstResult => 16;

    /// <summary>Lines of memory the body uses.</summary>
    protected abstract int ScratchLines { get; }

    /// <summary>Columns of the activations that a product takes.</summary>
    private int ProductColumns => BlockColumns / Products;

    protected override void EmitFunction()
    {
        configurations = Code.CreateLabel();
        base.EmitFunction();

        // Tiles in use would cost the system time whenever it switches threads, and may slow down other threads of the core.
        Code.tilerelease();
    }

    protected override void EmitConstants()
    {
        base.EmitConstants();
        Code.mov(LineStep, LineBytes);
        Code.lea(Scratch, __[rsp + (base.SlotBytes + LineBytes - 1)]);
        Code.and(Scratch, -LineBytes);
    }

    protected override void EmitBody(int tokens)
    {
        Code.lea(rax, __[configurations]);
        Code.ldtilecfg(__[rax + ConfigurationBytes * (tokens - 1)]);
        base.EmitBody(tokens);
    }

    /// <summary>Shapes of the tiles for every number of tokens, so that nothing beyond the last token is read or written.</summary>
    protected override void EmitData()
    {
        Code.Label(ref configurations);
        for (int tokens = 1; tokens <= MaxTokens; tokens++)
        {
            var configuration = new byte[ConfigurationBytes];
            configuration[0] = Palette;
            for (int product = 0; product < Products; product++)
            {
                Shape(product, tokens, LineBytes);
                Shape(Products + product, tokens, ProductColumns);
                Shape(2 * Products + product, ProductColumns / PackedLayout.StepColumns, LineBytes);
            }

            Code.db(configuration);

            void Shape(int tile, int rows, int columnBytes)
            {
                configuration[ColumnBytesOffset + sizeof(ushort) * tile] = (byte)columnBytes;
                configuration[RowsOffset + tile] = (byte)rows;
            }
        }
    }

    protected static AssemblerRegisterTMM SumTile(int number) => SumTiles[number];

    protected static AssemblerRegisterTMM XTile(int product) => XTiles[product];

    protected static AssemblerRegisterTMM WeightTile(int product) => WeightTiles[product];

    /// <summary>A line of the scratch memory.</summary>
    protected static AssemblerMemoryOperand Line(int number) => __zmmword_ptr[Scratch + number * LineBytes];

    /// <summary>Loads the tiles of a product: its columns of the activations and, from an address on, of the weights.</summary>
    protected void LoadTiles(int product, AssemblerRegister64 weights, int offset)
    {
        Code.tileloadd(XTile(product), __[X0 + XStep + product * ProductColumns]);
        Code.tileloadd(WeightTile(product), __[weights + LineStep + offset]);
    }

    /// <summary>The same with weights in the scratch memory.</summary>
    protected void LoadTiles(int product, int firstLine) => LoadTiles(product, Scratch, firstLine * LineBytes);

    /// <summary>Writes sums to the scratch memory, a token a line.</summary>
    protected void StoreSums(int tile, int firstLine) => Code.tilestored(__[Scratch + LineStep + firstLine * LineBytes], SumTile(tile));
}

/// <summary>Int8: a panel's bytes are unsigned and multiplied as they lie; both products of a block go into one sum.</summary>
internal sealed class AmxInt8Emitter : AmxEmitter
{
    private const int ProductBytes = Int8Block.Steps / Products * LineBytes;
    private const int SumRegisters = 4;

    // Registers: biased sums 0-3, their products with scales 4-7, this, then the results.
    private static readonly AssemblerRegisterZMM WeightScales = zmm8;

    private static readonly AssemblerRegister64 TokenScale = r12;

    protected override int PrefetchDistance => 4096;

    protected override int BlockBytes => PackedLayout.Int8BlockBytes;

    protected override int BlockColumns => PackedLayout.Int8BlockColumns;

    protected override int ScratchLines => MaxTokens;

    protected override void EmitBlock(int tokens)
    {
        LookAhead(tokens);
        Code.tilezero(SumTile(0));
        for (int product = 0; product < Products; product++)
        {
            LoadTiles(product, Weights, Int8Block.ScaleBytes + product * ProductBytes);
            Code.tdpbsud(SumTile(0), XTile(product), WeightTile(product));
        }

        StoreSums(0, 0);
        LoadLine(WeightScales, 0, tokens);
        Code.mov(rdx, FirstBias);
        Code.mov(TokenScale, FirstScale);
        for (int t = 0; t < tokens; t++)
        {
            AssemblerRegisterZMM sum = Zmm(t % SumRegisters);
            Code.vmovdqu32(sum, Line(t));
            Code.vpaddd(sum, sum, __dword_bcst[rdx]);
            Fold(t, sum, WeightScales, TokenScale, Zmm(SumRegisters + t % SumRegisters));
            Code.add(rdx, BiasStride);
            Code.add(TokenScale, ScaleStride);
        }

        Code.add(FirstScale, sizeof(float));
        Code.add(FirstBias, sizeof(int));
    }
}

/// <summary>Int4: a block is unpacked for all tokens to signed bytes, which need no correction; a product is a group's sum.</summary>
internal sealed class AmxInt4Emitter : AmxEmitter
{
    private const int UnpackedLines = PackedLayout.Int4BlockColumns / PackedLayout.StepColumns;
    private const int GroupUnpackedLines = UnpackedLines / Int4Block.Groups;
    private const int SumRegisters = 4;

    // Registers: nibbles or sums 0-3, products with scales or nibbles 4-7, these, then the results.
    private static readonly AssemblerRegisterZMM GroupScales = zmm13;
    private static readonly AssemblerRegisterZMM LowNibbles = zmm14;
    private static readonly AssemblerRegisterZMM Bias = zmm15;

    protected override int PrefetchDistance => 8192;

    protected override int BlockBytes => PackedLayout.Int4BlockBytes;

    protected override int BlockColumns => PackedLayout.Int4BlockColumns;

    protected override int ScratchLines => UnpackedLines + Int4Block.Groups * MaxTokens;

    protected override void EmitConstants()
    {
        base.EmitConstants();
        Code.mov(eax, 0x0F0F0F0F);
        Code.vpbroadcastd(LowNibbles, eax);
        Code.mov(eax, PackedLayout.Int4Bias * 0x01010101);
        Code.vpbroadcastd(Bias, eax);
    }

    protected override void EmitBlock(int tokens)
    {
        Prefetch(0, tokens);
        LookAhead(tokens);
        for (int group = 0; group < Int4Block.Groups; group++)
        {
            Unpack(group, tokens);
            Code.tilezero(SumTile(group));
            LoadTiles(group, group * GroupUnpackedLines);
            Code.tdpbssd(SumTile(group), XTile(group), WeightTile(group));
        }

        for (int group = 0; group < Int4Block.Groups; group++)
        {
            int firstSum = UnpackedLines + group * MaxTokens;
            StoreSums(group, firstSum);
            Int4Block.LoadScales(Code, GroupScales, Weights, group);
            Int4Block.LocateScale(Code, FirstScale);
            for (int t = 0; t < tokens; t++)
            {
                AssemblerRegisterZMM sum = Zmm(t % SumRegisters);
                Code.vmovdqu32(sum, Line(firstSum + t));
                Fold(t, sum, GroupScales, rax, Zmm(SumRegisters + t % SumRegisters));
                Code.add(rax, ScaleStride);
            }
        }
    }

    private void Unpack(int group, int tokens)
    {
        for (int line = group * Int4Block.GroupLines; line < (group + 1) * Int4Block.GroupLines; line++)
        {
            AssemblerRegisterZMM low = Zmm(line % Int4Block.GroupLines), high = Zmm(Int4Block.GroupLines + line % Int4Block.GroupLines);
            LoadLine(low, Int4Block.ScaleBytes + line * LineBytes, tokens);
            Int4Block.Split(Code, low, high, LowNibbles);
            Code.vpsubb(low, low, Bias);
            Code.vpsubb(high, high, Bias);
            Code.vmovdqu32(Line(2 * line), low);
            Code.vmovdqu32(Line(2 * line + 1), high);
        }
    }
}
