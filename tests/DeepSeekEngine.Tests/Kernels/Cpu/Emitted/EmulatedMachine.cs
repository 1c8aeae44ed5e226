using System.Buffers.Binary;
using System.Diagnostics;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>
/// A bare processor with AVX-512, VNNI, BF16 and AMX, emulated by Bochs: it boots into long mode, calls functions one after another and
/// writes to the debug port what they left behind. No firmware, no disk, no operating system; memory is mapped one to one.
/// </summary>
internal sealed class EmulatedMachine : IDisposable
{
    /// <summary>The environment variable that names the emulator's launcher.</summary>
    public const string LauncherVariable = "BOCHS";

    /// <summary>Bochs allocates guest memory in blocks, the largest of these, and loads an image right only into one.</summary>
    private const int BlockBytes = 8 << 20;

    /// <summary>Bytes that cases may take together, the last of them beyond it: half of the memory.</summary>
    public const int RoomBytes = BlockBytes / 2;

    // Where things lie, in bytes from Base; the first pages are the machine's own.
    private const ulong Base = BlockBytes;
    private const int PageDirectories = 0x1000, StackEnd = 0x4000, Cursor = 0x4000, Descriptors = 0x4040, Program = 0x4100, Payload = 0x8000;

    private const int RomBytes = 0x10000, RomEntry = 0xE000, ResetVector = 0xFFF0;
    private const int CallBytes = 5 * sizeof(ulong);
    private const ulong Untouched = 0x5AA5_1234_8765_C33C;
    private const string Begin = "<<", End = ">>";

    private static readonly AssemblerRegister64[] Saved = [rbx, rbp, r12, r13, r14, r15, rsi];

    private static readonly AssemblerRegisterXMM[] SavedXmm = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    private readonly string directory = Directory.CreateTempSubdirectory("emulated").FullName;
    private readonly MemoryStream memory = new();
    private readonly List<(ulong Code, ulong Argument, ulong Result, int Length)> calls = [];

    public EmulatedMachine() => memory.SetLength(Payload);

    /// <summary>Where what is added next will lie.</summary>
    public ulong NextAddress => Base + (((ulong)memory.Length + 63) & ~63UL);

    /// <summary>Puts bytes into memory and says where.</summary>
    public ulong Add(ReadOnlySpan<byte> bytes)
    {
        ulong address = NextAddress;
        if (address + (ulong)bytes.Length > Base + BlockBytes)
        {
            throw new InvalidOperationException("The emulated processor's memory is full.");
        }

        memory.Position = (long)(address - Base);
        memory.Write(bytes);
        return address;
    }

    /// <summary>Calls a function with one argument, in registers of both conventions, and keeps a range of memory as its result.</summary>
    public void Call(ulong code, ulong argument, ulong result, int length) => calls.Add((code, argument, result, length));

    /// <summary>The calls' results; whether each left the registers alone that callers of either convention rely on.</summary>
    public (byte[] Result, bool KeptSystemV, bool KeptWindows)[] Run()
    {
        int registerBytes = sizeof(ulong) * (Saved.Length + 1) + 16 * SavedXmm.Length;
        var table = new byte[(calls.Count * CallBytes) + sizeof(ulong)];
        for (int i = 0; i < calls.Count; i++)
        {
            ulong registers = Add(new byte[registerBytes]);
            ulong[] call = [calls[i].Code, calls[i].Argument, registers, calls[i].Result, (ulong)calls[i].Length];
            Buffer.BlockCopy(call, 0, table, i * CallBytes, CallBytes);
        }

        ulong first = Add(table);
        byte[] ram = memory.ToArray();
        WriteTables(ram, first);
        Assemble(ram, registerBytes);
        File.WriteAllBytes(Path.Combine(directory, "ram"), ram);
        File.WriteAllBytes(Path.Combine(directory, "rom"), ResetCode());
        byte[] output = Emulate();
        var results = new (byte[], bool, bool)[calls.Count];
        int position = 0;
        for (int i = 0; i < results.Length; i++)
        {
            ReadOnlySpan<byte> registers = output.AsSpan(position, registerBytes);
            int systemV = sizeof(ulong) * (Saved.Length - 1);
            results[i] = (
                output.AsSpan(position + registerBytes, calls[i].Length).ToArray(),
                Kept(registers[..systemV], Untouched),
                Kept(registers[..(systemV + 8)], Untouched)
                    && Kept(registers.Slice(systemV + 8, 8), calls[i].Argument)
                    && Kept(registers[(systemV + 16)..], Untouched));
            position += registerBytes + calls[i].Length;
        }

        return results;
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static bool Kept(ReadOnlySpan<byte> registers, ulong value)
    {
        for (; !registers.IsEmpty; registers = registers[sizeof(ulong)..])
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(registers) != value)
            {
                return false;
            }
        }

        return true;
    }

    private static void WriteTables(Span<byte> ram, ulong firstCall)
    {
        // Four gigabytes in pages of one, which are present, writable, accessed and dirty.
        BinaryPrimitives.WriteUInt64LittleEndian(ram, (Base + PageDirectories) | 0x23);
        for (int i = 0; i < 4; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(ram[(PageDirectories + 8 * i)..], ((ulong)i << 30) | 0xE3);
        }

        // After the empty descriptor, one of 64-bit code and one of data.
        BinaryPrimitives.WriteUInt64LittleEndian(ram[(Descriptors + 8)..], 0x00AF9B000000FFFF);
        BinaryPrimitives.WriteUInt64LittleEndian(ram[(Descriptors + 16)..], 0x00CF93000000FFFF);
        BinaryPrimitives.WriteUInt64LittleEndian(ram[Cursor..], firstCall);
    }

    /// <summary>From the reset vector, in real mode, to long mode.</summary>
    private static byte[] ResetCode()
    {
        var rom = new byte[RomBytes];
        ((ReadOnlySpan<byte>)[0xEA, RomEntry & 0xFF, RomEntry >> 8, 0x00, 0xF0]).CopyTo(rom.AsSpan(ResetVector));
        const int descriptorTable = RomEntry - 8;
        BinaryPrimitives.WriteUInt16LittleEndian(rom.AsSpan(descriptorTable), 3 * 8 - 1);
        BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(descriptorTable + 2), (uint)Base + Descriptors);

        var code = new Assembler(16);
        code.cli();
        code.mov(ax, cs);
        code.mov(ds, ax);
        code.lgdt(__[descriptorTable]);
        code.mov(eax, 0x40620); // physical addresses beyond 4 GiB, SSE and its exceptions, xsetbv
        code.mov(cr4, eax);
        code.mov(eax, (uint)Base);
        code.mov(cr3, eax);
        code.mov(ecx, 0xC0000080);
        code.mov(eax, 0x100); // long mode
        code.xor(edx, edx);
        code.wrmsr();
        code.mov(eax, 0x80000033); // paging, a floating-point unit of this age, protected mode
        code.mov(cr0, eax);
        code.db(0x66, 0xEA);
        code.dd((uint)Base + Program);
        code.dw(8);
        Write(code, RomEntry, rom.AsSpan(RomEntry));
        return rom;
    }

    private static void Assemble(Span<byte> ram, int registerBytes)
    {
        var code = new Assembler(64);
        code.mov(ax, 16);
        code.mov(ds, ax);
        code.mov(es, ax);
        code.mov(ss, ax);
        code.mov(rsp, Base + StackEnd);
        code.xor(ecx, ecx);
        code.xor(edx, edx);
        code.mov(eax, 0x600E7); // every register up to 512 bits, masks and tiles
        code.xsetbv();

        Label next = code.CreateLabel(), show = code.CreateLabel(), done = code.CreateLabel();
        code.Label(ref next);
        code.mov(r8, Base + Cursor);
        code.mov(r9, __qword_ptr[r8]);
        code.mov(r10, __qword_ptr[r9]);
        code.test(r10, r10);
        code.jz(done);
        code.mov(rdi, __qword_ptr[r9 + 8]);
        code.mov(rcx, rdi);
        code.mov(rax, Untouched);
        code.vmovq(xmm0, rax);
        foreach (AssemblerRegisterXMM register in SavedXmm)
        {
            code.vpbroadcastq(register, xmm0);
        }

        foreach (AssemblerRegister64 register in Saved)
        {
            code.mov(register, rax);
        }

        code.call(r10);
        code.mov(r8, Base + Cursor);
        code.mov(r9, __qword_ptr[r8]);
        code.mov(r10, __qword_ptr[r9 + 16]);
        for (int i = 0; i < Saved.Length; i++)
        {
            code.mov(__qword_ptr[r10 + 8 * i], Saved[i]);
        }

        code.mov(__qword_ptr[r10 + 8 * Saved.Length], rdi);
        for (int i = 0; i < SavedXmm.Length; i++)
        {
            code.vmovdqu(__xmmword_ptr[r10 + (8 * (Saved.Length + 1) + 16 * i)], SavedXmm[i]);
        }

        Show(Begin);
        code.mov(rsi, r10);
        code.mov(rcx, registerBytes);
        code.call(show);
        code.mov(rsi, __qword_ptr[r9 + 24]);
        code.mov(rcx, __qword_ptr[r9 + 32]);
        code.call(show);
        Show(End);
        code.add(__qword_ptr[r8], CallBytes);
        code.jmp(next);

        // The emulator ends when it reads this at its own port.
        code.Label(ref done);
        code.mov(dx, 0x8900);
        foreach (char letter in "Shutdown")
        {
            code.mov(al, (byte)letter);
            code.@out(dx, al);
        }

        code.hlt();

        // rcx bytes from rsi on, a letter from A to P for each half.
        code.Label(ref show);
        code.mov(al, __byte_ptr[rsi]);
        code.shr(al, 4);
        code.add(al, (byte)'A');
        code.@out(0xE9, al);
        code.mov(al, __byte_ptr[rsi]);
        code.and(al, 15);
        code.add(al, (byte)'A');
        code.@out(0xE9, al);
        code.inc(rsi);
        code.dec(rcx);
        code.jnz(show);
        code.ret();
        Write(code, Base + Program, ram[Program..Payload]);

        void Show(string text)
        {
            foreach (char letter in text)
            {
                code.mov(al, (byte)letter);
                code.@out(0xE9, al);
            }
        }
    }

    private static void Write(Assembler code, ulong address, Span<byte> destination)
    {
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), address);
        stream.ToArray().CopyTo(destination);
    }

    private byte[] Emulate()
    {
        File.WriteAllText(
            Path.Combine(directory, "bochsrc"),
            $"""
            memory: guest=64, host=64, block_size={BlockBytes / 1024}
            cpu: model=sapphire_rapids, ips=100000000, reset_on_triple_fault=0
            romimage: file={directory}/rom
            vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest
            optramimage1: file={directory}/ram, address=0x{Base:x}
            display_library: term
            port_e9_hack: enabled=1
            log: {directory}/log
            panic: action=fatal
            """);
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable(LauncherVariable)!, ["-q", "-f", Path.Combine(directory, "bochsrc")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TERM"] = "dumb";
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var bytes = new List<byte>();
        int found = 0;
        for (int position = 0; (position = output.IndexOf(Begin, position, StringComparison.Ordinal)) >= 0; found++)
        {
            position += Begin.Length;
            int end = output.IndexOf(End, position, StringComparison.Ordinal);
            for (; end > position; position += 2)
            {
                bytes.Add((byte)(((output[position] - 'A') << 4) | (output[position + 1] - 'A')));
            }
        }

        if (found != calls.Count)
        {
            string log = File.ReadAllText(Path.Combine(directory, "log"));
            throw new InvalidOperationException(
                $"The emulated processor finished {found} of {calls.Count} calls.\n{errors.Result}\n{log[Math.Max(0, log.Length - 3000)..]}");
        }

        return [.. bytes];
    }
}
