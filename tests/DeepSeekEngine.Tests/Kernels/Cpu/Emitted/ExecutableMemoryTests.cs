using System.Globalization;
using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using Iced.Intel;
using NUnit.Framework;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

public unsafe class ExecutableMemoryTests
{
    [Test]
    public void Code_runs()
    {
        Assume.That(RuntimeInformation.ProcessArchitecture, Is.EqualTo(Architecture.X64));
        var code = new Assembler(64);
        code.mov(eax, __dword_ptr[OperatingSystem.IsWindows() ? rcx : rdi]);
        code.imul(eax, eax, 3);
        code.ret();
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), 0);
        using ExecutableMemory? memory = ExecutableMemory.TryCreate(stream.ToArray());
        Assume.That(memory, Is.Not.Null);
        int value = 14;
        Assert.That(((delegate* unmanaged<int*, int>)memory!.Pointer)(&value), Is.EqualTo(42));
    }

    [Test]
    public void Memory_is_never_writable_and_executable_and_is_given_back()
    {
        Assume.That(OperatingSystem.IsLinux());
        ExecutableMemory? memory = ExecutableMemory.TryCreate(new byte[10_000]);
        Assume.That(memory, Is.Not.Null);
        nuint start = (nuint)memory!.Pointer;
        Assert.That(Protection(start), Is.EqualTo("r-xp"));
        Assert.That(Protection(start + 9_999), Is.EqualTo("r-xp"));
        memory.Dispose();
        memory.Dispose();
        Assert.That(Protection(start) ?? "", Does.Not.Contain("x"));
    }

    private static string? Protection(nuint address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] range = line[..line.IndexOf(' ')].Split('-');
            if (address >= nuint.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                && address < nuint.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture))
            {
                return line.Split(' ')[1];
            }
        }

        return null;
    }
}
