using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>Machine code in pages of its own: written first, then made executable and never writable again.</summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int ProtectRead = 1, ProtectWrite = 2, ProtectExecute = 4;
    private const int MapPrivate = 2, MapAnonymousLinux = 0x20, MapAnonymousApple = 0x1000;
    private const uint MemoryCommitReserve = 0x3000, MemoryRelease = 0x8000, PageReadWrite = 4, PageExecuteRead = 0x20;

    private readonly nuint length;

    private ExecutableMemory(byte* pointer, nuint length)
    {
        Pointer = pointer;
        this.length = length;
    }

    /// <summary>Where the code begins; null once disposed.</summary>
    public byte* Pointer { get; private set; }

    /// <summary>Null where the system gives no memory that may become executable, as hardened ones do.</summary>
    public static ExecutableMemory? TryCreate(ReadOnlySpan<byte> code)
    {
        nuint length = ((nuint)code.Length + (nuint)Environment.SystemPageSize - 1) & ~((nuint)Environment.SystemPageSize - 1);
        try
        {
            byte* pointer = Allocate(length);
            if (pointer is null)
            {
                return null;
            }

            var memory = new ExecutableMemory(pointer, length);
            code.CopyTo(new Span<byte>(pointer, code.Length));
            if (memory.Seal())
            {
                return memory;
            }

            memory.Dispose();
            return null;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        if (Pointer is null)
        {
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            VirtualFree(Pointer, 0, MemoryRelease);
        }
        else
        {
            Unmap(Pointer, length);
        }

        Pointer = null;
    }

    private static byte* Allocate(nuint length)
    {
        if (OperatingSystem.IsWindows())
        {
            return VirtualAlloc(null, length, MemoryCommitReserve, PageReadWrite);
        }

        int anonymous = OperatingSystem.IsMacOS() ? MapAnonymousApple : MapAnonymousLinux;
        byte* pointer = Map(null, length, ProtectRead | ProtectWrite, MapPrivate | anonymous, -1, 0);
        return (nint)pointer == -1 ? null : pointer;
    }

    private bool Seal()
        => OperatingSystem.IsWindows()
            ? VirtualProtect(Pointer, length, PageExecuteRead, out _) != 0
            : Protect(Pointer, length, ProtectRead | ProtectExecute) == 0;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("kernel32")]
    private static partial byte* VirtualAlloc(void* address, nuint size, uint allocationType, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(void* address, nuint size, uint protection, out uint previous);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(void* address, nuint size, uint freeType);
}
