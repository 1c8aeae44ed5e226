using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>What the functions over stored rows have in common: loading a chunk of either encoding as two registers of bfloat16.</summary>
/// <param name="eightBits">Whether rows are E4M3 rather than bfloat16.</param>
internal abstract class BFloat16Emitter(bool eightBits) : FunctionEmitter
{
    // Registers that E4M3 is decoded with: tables of the lower and upper bytes of 128 magnitudes, and where a byte's sign is.
    private static readonly AssemblerRegisterZMM LowerBytes0 = zmm27, LowerBytes1 = zmm28, UpperBytes0 = zmm29, UpperBytes1 = zmm30;
    private static readonly AssemblerRegisterZMM Signs = zmm31;

    /// <summary>A | B and C, as a truth table.</summary>
    private const byte OrAnd = 0xF8;

    private Label tables;

    protected bool EightBits => eightBits;

    /// <summary>Bytes of a chunk as it is stored.</summary>
    protected int StoredBytes => eightBits ? BFloat16Layout.ChunkColumns : BFloat16Layout.ChunkBytes;

    /// <summary>The masks of a partial chunk: k1 of its first 32 columns or, in eight bits, of all; k2 of the others.</summary>
    protected void LoadMasks(int maskField)
    {
        if (eightBits)
        {
            Code.kmovq(k1, __qword_ptr[Argument + maskField]);
        }
        else
        {
            Code.kmovd(k1, __dword_ptr[Argument + maskField]);
            Code.kmovd(k2, __dword_ptr[Argument + (maskField + sizeof(uint))]);
        }
    }

    /// <summary>Loads what decoding needs; rax is lost.</summary>
    protected void LoadTables()
    {
        if (!eightBits)
        {
            return;
        }

        tables = Code.CreateLabel();
        Code.lea(rax, __[tables]);
        Code.vmovdqu8(LowerBytes0, __zmmword_ptr[rax]);
        Code.vmovdqu8(LowerBytes1, __zmmword_ptr[rax + 64]);
        Code.vmovdqu8(UpperBytes0, __zmmword_ptr[rax + 128]);
        Code.vmovdqu8(UpperBytes1, __zmmword_ptr[rax + 192]);
        Code.mov(eax, 0x80808080);
        Code.vpbroadcastd(Signs, eax);
    }

    /// <summary>zmm0 and zmm1 = a chunk at an address, as bfloat16; zmm2 and zmm3 are lost.</summary>
    protected void LoadChunk(AssemblerMemoryOperand source, bool partial)
    {
        if (!eightBits)
        {
            Code.vmovdqu16(partial ? zmm0.k1.z : zmm0, source);
            Code.vmovdqu16(partial ? zmm1.k2.z : zmm1, source + 64);
            return;
        }

        // Seven bits choose a magnitude's bytes; that of a masked byte is zero.
        Code.vmovdqu8(partial ? zmm0.k1.z : zmm0, source);
        Code.vmovdqa64(zmm2, zmm0);
        Code.vmovdqa64(zmm3, zmm0);
        Code.vpermi2b(zmm2, LowerBytes0, LowerBytes1);
        Code.vpermi2b(zmm3, UpperBytes0, UpperBytes1);
        Code.vpternlogd(zmm3, zmm0, Signs, OrAnd);
        Code.vpunpcklbw(zmm0, zmm2, zmm3);
        Code.vpunpckhbw(zmm1, zmm2, zmm3);
    }

    protected override void EmitData()
    {
        if (!eightBits)
        {
            return;
        }

        Span<byte> bytes = stackalloc byte[256];
        for (int magnitude = 0; magnitude < 128; magnitude++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(Magnitude(magnitude));
            bytes[magnitude] = (byte)(bits >> 16);
            bytes[128 + magnitude] = (byte)(bits >> 24);
        }

        Code.Label(ref tables);
        Code.db(bytes.ToArray());
    }

    /// <summary>The value of seven bits of E4M3 (OCP 8-bit floating point specification, 5.1): NaN if all are set.</summary>
    private static float Magnitude(int bits)
    {
        int exponent = bits >> 3, fraction = bits & 7;
        return bits == 0x7F ? float.NaN
            : exponent == 0 ? MathF.ScaleB(fraction, -9)
            : MathF.ScaleB(8 + fraction, exponent - 10);
    }
}

/// <summary>Emits void(<see cref="BFloat16VectorArguments"/>*): rows are read from memory as they lie, and each once.</summary>
internal sealed class BFloat16VectorEmitter(bool eightBits) : BFloat16Emitter(eightBits)
{
    private static readonly int ColumnsField = Field(nameof(BFloat16VectorArguments.Columns));

    /// <summary>Far enough for memory to answer; in the second-level cache, since the first is too small to keep it until it is used.</summary>
    private int PrefetchDistance => EightBits ? 8192 : 4096;

    // Registers: of each row sums of the lanes and, before them, of the segments; the current row, chunk and its activations; what is
    // asked of memory; chunks left.
    private static readonly AssemblerRegister64 Row = rbx, W = rsi, X = r8, Y = rbp, RowBytes = r11, Ahead = r13;
    private static readonly AssemblerRegister32 ChunksLeft = r10d, RowsLeft = r15d, Chunks = ecx, PartialLeft = r9d;

    /// <summary>
    /// Decoding E4M3 takes so many instructions that the processor does not see the next row while it waits for the sums of one. Where it
    /// does, one row at a time is the one stream of memory it looks ahead along best.
    /// </summary>
    private int RowsTogether => EightBits ? 2 : 1;

    protected override void EmitFunction()
    {
        LoadTables();
        LoadMasks(ColumnsField + ChunkField(nameof(ColumnChunks.Mask)));
        Code.mov(Row, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Weights))]);
        Code.mov(RowBytes, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.RowBytes))]);
        Code.mov(Y, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Y))]);
        Code.mov(RowsLeft, __dword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Rows))]);
        Label several = Code.CreateLabel(), one = Code.CreateLabel(), done = Code.CreateLabel();
        Code.Label(ref several);
        Code.cmp(RowsLeft, RowsTogether);
        Code.jl(one);
        EmitRows(RowsTogether);
        Code.sub(RowsLeft, RowsTogether);
        Code.jmp(several);
        Code.Label(ref one);
        Code.test(RowsLeft, RowsLeft);
        Code.je(done);
        EmitRows(1);
        Code.dec(RowsLeft);
        Code.jmp(one);
        Code.Label(ref done);
    }

    private static AssemblerRegisterZMM Lanes(int row) => Zmm(4 + row);

    private static AssemblerRegisterXMM Total(int row) => Xmm(6 + row);

    private void EmitRows(int rows)
    {
        Label segment = Code.CreateLabel(), take = Code.CreateLabel(), whole = Code.CreateLabel();
        Label loop = Code.CreateLabel(), rest = Code.CreateLabel(), sum = Code.CreateLabel();
        Code.mov(W, Row);
        Code.lea(Ahead, __[Row + PrefetchDistance]);
        Code.mov(X, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.X))]);
        Code.mov(ChunksLeft, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Chunks)))]);
        for (int r = 0; r < rows; r++)
        {
            Code.vmovss(Total(r), __dword_ptr[Y + r * sizeof(float)]);
        }

        Code.Label(ref segment);
        for (int r = 0; r < rows; r++)
        {
            Code.vpxord(Lanes(r), Lanes(r), Lanes(r));
        }

        Code.mov(Chunks, BFloat16Layout.SegmentChunks);
        Code.cmp(ChunksLeft, Chunks);
        Code.jge(take);
        Code.mov(Chunks, ChunksLeft);
        Code.Label(ref take);
        Code.sub(ChunksLeft, Chunks);
        Code.xor(PartialLeft, PartialLeft);
        Code.test(ChunksLeft, ChunksLeft);
        Code.jne(whole);
        Code.mov(PartialLeft, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Partial)))]);
        Code.sub(Chunks, PartialLeft);
        Code.Label(ref whole);
        Code.test(Chunks, Chunks);
        Code.je(rest);
        Code.Label(ref loop);

        // The rows' bytes lie in one piece and are asked of memory in their order, in whichever order they are used.
        for (int line = 0; line < rows * StoredBytes; line += 64)
        {
            Code.prefetcht1(__byte_ptr[Ahead + line]);
        }

        EmitChunk(rows, partial: false);
        Code.add(Ahead, rows * StoredBytes);
        Code.add(W, StoredBytes);
        Code.add(X, BFloat16Layout.ChunkBytes);
        Code.dec(Chunks);
        Code.jne(loop);
        Code.Label(ref rest);
        Code.test(PartialLeft, PartialLeft);
        Code.je(sum);
        EmitChunk(rows, partial: true);
        Code.Label(ref sum);
        for (int r = 0; r < rows; r++)
        {
            EmitSum(r);
        }

        Code.test(ChunksLeft, ChunksLeft);
        Code.jne(segment);
        for (int r = 0; r < rows; r++)
        {
            Code.vmovss(__dword_ptr[Y + r * sizeof(float)], Total(r));
        }

        Code.add(Y, rows * sizeof(float));
        Code.lea(Row, rows == 1 ? __[Row + RowBytes] : __[Row + RowBytes * rows]);
    }

    private void EmitChunk(int rows, bool partial)
    {
        Code.vmovdqu16(zmm8, __zmmword_ptr[X]);
        Code.vmovdqu16(zmm9, __zmmword_ptr[X + 64]);
        for (int r = 0; r < rows; r++)
        {
            LoadChunk(r == 0 ? __zmmword_ptr[W] : __zmmword_ptr[W + RowBytes], partial);
            Code.vdpbf16ps(Lanes(r), zmm0, zmm8);
            Code.vdpbf16ps(Lanes(r), zmm1, zmm9);
        }
    }

    /// <summary>The row's total += the sum of its lanes, in <see cref="BFloat16Layout"/>'s order.</summary>
    private void EmitSum(int row)
    {
        Code.vpermilps(zmm0, Lanes(row), 0x4E);
        Code.vaddps(zmm0, Lanes(row), zmm0);
        Code.vpermilps(zmm1, zmm0, 0xB1);
        Code.vaddps(zmm0, zmm0, zmm1);
        Code.vextractf64x4(ymm1, zmm0, 1);
        Code.vaddps(ymm0, ymm0, ymm1);
        Code.vextractf128(xmm1, ymm0, 1);
        Code.vaddps(xmm0, xmm0, xmm1);
        Code.vaddss(Total(row), Total(row), xmm0);
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16VectorArguments>(name);

    private static int ChunkField(string name) => (int)Marshal.OffsetOf<ColumnChunks>(name);
}

/// <summary>Emits void(<see cref="BFloat16DecodeArguments"/>*).</summary>
internal sealed class BFloat16DecodeEmitter(bool eightBits) : BFloat16Emitter(eightBits)
{
    private static readonly int ColumnsField = Field(nameof(BFloat16DecodeArguments.Columns));

    protected override void EmitFunction()
    {
        LoadTables();
        LoadMasks(ColumnsField + (int)Marshal.OffsetOf<ColumnChunks>(nameof(ColumnChunks.Mask)));
        Code.mov(rbx, __qword_ptr[Argument + Field(nameof(BFloat16DecodeArguments.Weights))]);
        Code.mov(r11, __qword_ptr[Argument + Field(nameof(BFloat16DecodeArguments.RowBytes))]);
        Code.mov(rdx, __qword_ptr[Argument + Field(nameof(BFloat16DecodeArguments.Destination))]);
        Code.mov(r15d, __dword_ptr[Argument + Field(nameof(BFloat16DecodeArguments.Rows))]);
        Code.mov(r9d, __dword_ptr[Argument + (ColumnsField + (int)Marshal.OffsetOf<ColumnChunks>(nameof(ColumnChunks.Partial)))]);
        Code.mov(r10d, __dword_ptr[Argument + (ColumnsField + (int)Marshal.OffsetOf<ColumnChunks>(nameof(ColumnChunks.Chunks)))]);
        Code.sub(r10d, r9d);
        Label row = Code.CreateLabel(), loop = Code.CreateLabel(), rest = Code.CreateLabel(), next = Code.CreateLabel();
        Code.Label(ref row);
        Code.mov(rsi, rbx);
        Code.mov(r8, rdx);
        Code.mov(ecx, r10d);
        Code.test(ecx, ecx);
        Code.je(rest);
        Code.Label(ref loop);

        EmitChunk(partial: false);
        Code.add(rsi, StoredBytes);
        Code.add(r8, BFloat16Layout.ChunkBytes);
        Code.dec(ecx);
        Code.jne(loop);
        Code.Label(ref rest);
        Code.test(r9d, r9d);
        Code.je(next);
        EmitChunk(partial: true);
        Code.Label(ref next);
        Code.add(rbx, r11);
        Code.add(rdx, BFloat16Layout.RowBytes);
        Code.dec(r15d);
        Code.jne(row);
    }

    private void EmitChunk(bool partial)
    {
        LoadChunk(__zmmword_ptr[rsi], partial);
        Code.vmovdqu16(__zmmword_ptr[r8], zmm0);
        Code.vmovdqu16(__zmmword_ptr[r8 + 64], zmm1);
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16DecodeArguments>(name);
}
