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

    /// <summary>Two registers = a chunk at an address, as bfloat16; zmm0, zmm2 and zmm3 are lost.</summary>
    protected void LoadChunk(AssemblerRegisterZMM first, AssemblerRegisterZMM second, AssemblerMemoryOperand source, bool partial)
    {
        if (!eightBits)
        {
            Code.vmovdqu16(partial ? first.k1.z : first, source);
            Code.vmovdqu16(partial ? second.k2.z : second, source + 64);
            return;
        }

        // Seven bits choose a magnitude's bytes; that of a masked byte is zero.
        Code.vmovdqu8(partial ? zmm0.k1.z : zmm0, source);
        Code.vmovdqa64(zmm2, zmm0);
        Code.vmovdqa64(zmm3, zmm0);
        Code.vpermi2b(zmm2, LowerBytes0, LowerBytes1);
        Code.vpermi2b(zmm3, UpperBytes0, UpperBytes1);
        Code.vpternlogd(zmm3, zmm0, Signs, OrAnd);
        Code.vpunpcklbw(first, zmm2, zmm3);
        Code.vpunpckhbw(second, zmm2, zmm3);
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
        LoadChunk(zmm0, zmm1, __zmmword_ptr[rsi], partial);
        Code.vmovdqu16(__zmmword_ptr[r8], zmm0);
        Code.vmovdqu16(__zmmword_ptr[r8 + 64], zmm1);
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16DecodeArguments>(name);
}
