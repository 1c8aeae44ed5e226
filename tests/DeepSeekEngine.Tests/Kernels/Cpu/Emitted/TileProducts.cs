using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>
/// Products of tiles for an emulator that gets them wrong: Bochs 3.0 multiplies lane by lane, 3.1 takes signed bytes for unsigned ones.
/// Each instruction is replaced by a call, which is as long, of a function that computes what it should with vpdpbusd.
/// </summary>
internal static class TileProducts
{
    private const int InstructionBytes = 5;
    private const int TileRows = 16, RowBytes = 64, TileBytes = TileRows * RowBytes;

    // Where things lie in a function's memory: its tiles, then the registers that it keeps.
    private const int X = 0, Weights = TileBytes, Sums = 2 * TileBytes, Kept = 3 * TileBytes;
    private const int KeptRegisters = 4;

    private static readonly AssemblerRegisterTMM[] Tiles = [tmm0, tmm1, tmm2, tmm3, tmm4, tmm5, tmm6, tmm7];
    private static readonly AssemblerRegister64[] Changed = [rax, rcx, rdx, rsi, rdi];

    // Registers: a token's sums, what they are too large by, a row of weights, 128 in every byte.
    private static readonly AssemblerRegisterZMM Sum = zmm0, Excess = zmm1, Row = zmm2, Bias = zmm3;

    /// <summary>The code as it must be added to the machine next; what it calls is added here.</summary>
    public static byte[] Replace(byte[] code, EmulatedMachine machine)
    {
        var replaced = (byte[])code.Clone();
        var decoder = Decoder.Create(64, code);
        var calls = new List<(int Position, ulong Function)>();
        Instruction instruction;
        do
        {
            instruction = decoder.Decode();
            if (instruction.Mnemonic is Mnemonic.Tdpbsud or Mnemonic.Tdpbssd)
            {
                int position = (int)instruction.IP;
                byte[] original = code[position..(position + InstructionBytes)];
                ulong memory = machine.Add(new byte[Kept + KeptRegisters * RowBytes]);
                calls.Add((position, machine.Add(Function(instruction, original, memory))));
            }
        }
        while (instruction.Mnemonic != Mnemonic.Ret);

        ulong address = machine.NextAddress;
        foreach ((int position, ulong function) in calls)
        {
            replaced[position] = 0xE8;
            int distance = (int)((long)function - (long)(address + (ulong)(position + InstructionBytes)));
            BinaryPrimitives.WriteInt32LittleEndian(replaced.AsSpan(position + 1), distance);
        }

        return replaced;
    }

    private static byte[] Function(in Instruction product, byte[] original, ulong memory)
    {
        AssemblerRegisterTMM sums = Tile(product.Op0Register), x = Tile(product.Op1Register), weights = Tile(product.Op2Register);
        bool signed = product.Mnemonic == Mnemonic.Tdpbssd;
        var code = new Assembler(64);
        foreach (AssemblerRegister64 register in Changed)
        {
            code.push(register);
        }

        code.mov(rdx, memory);
        code.mov(eax, RowBytes);
        ForKept((register, place) => code.vmovdqu32(place, register));
        code.tilestored(__[rdx + rax + X], x);
        code.tilestored(__[rdx + rax + Weights], weights);
        code.tilestored(__[rdx + rax + Sums], sums);

        // Its result is lost, but it refuses tiles that do not fit each other.
        code.db(original);
        code.mov(ecx, 0x80808080);
        code.vpbroadcastd(Bias, ecx);
        code.lea(rsi, __[rdx + X]);
        code.lea(rdi, __[rdx + Sums]);
        code.mov(ecx, TileRows);
        Label next = code.CreateLabel();
        code.Label(ref next);
        code.vmovdqu32(Sum, __zmmword_ptr[rdi]);
        code.vpxord(Excess, Excess, Excess);
        for (int k = 0; k < TileRows; k++)
        {
            code.vmovdqu32(Row, __zmmword_ptr[rdx + (Weights + k * RowBytes)]);
            if (signed)
            {
                code.vpxord(Row, Row, Bias);
                code.vpdpbusd(Excess, Bias, __dword_bcst[rsi + k * sizeof(int)]);
            }

            code.vpdpbusd(Sum, Row, __dword_bcst[rsi + k * sizeof(int)]);
        }

        code.vpsubd(Sum, Sum, Excess);
        code.vmovdqu32(__zmmword_ptr[rdi], Sum);
        code.add(rsi, RowBytes);
        code.add(rdi, RowBytes);
        code.dec(ecx);
        code.jnz(next);
        code.tileloadd(sums, __[rdx + rax + Sums]);
        ForKept((register, place) => code.vmovdqu32(register, place));
        foreach (AssemblerRegister64 register in Changed.Reverse())
        {
            code.pop(register);
        }

        code.ret();
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    private static AssemblerRegisterTMM Tile(Register register) => Tiles[register - Register.TMM0];

    private static void ForKept(Action<AssemblerRegisterZMM, AssemblerMemoryOperand> move)
    {
        AssemblerRegisterZMM[] kept = [Sum, Excess, Row, Bias];
        for (int i = 0; i < KeptRegisters; i++)
        {
            move(kept[i], __zmmword_ptr[rdx + (Kept + i * RowBytes)]);
        }
    }
}
