using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// The stack on which Linux runs handlers of a thread's faults. Once a thread has used tiles, the system saves eight kilobytes more there,
/// which leaves the runtime's handler hardly any of its own sixteen: a null reference would end the process.
/// </summary>
internal static unsafe partial class SignalStack
{
    /// <summary>Four times the runtime's.</summary>
    private const int EnoughBytes = 64 << 10;

    private const int Disabled = 2;
    private const int ProtectReadWrite = 3, MapPrivateAnonymous = 0x22;

    [ThreadStatic]
    private static bool isEnough;

    /// <summary>Makes this thread's large enough if it has any. False if that fails.</summary>
    public static bool Ensure() => isEnough || (isEnough = !OperatingSystem.IsLinux() || Enlarge());

    /// <summary>The stack is never unmapped: only the system knows when a thread that ends takes no more signals.</summary>
    private static bool Enlarge()
    {
        Description stack;
        if (Exchange(null, &stack) != 0)
        {
            return false;
        }

        if ((stack.Flags & Disabled) != 0 || stack.Bytes >= EnoughBytes)
        {
            return true;
        }

        byte* memory = Map(null, EnoughBytes, ProtectReadWrite, MapPrivateAnonymous, -1, 0);
        stack = new Description { Pointer = memory, Bytes = EnoughBytes };
        return (nint)memory != -1 && Exchange(&stack, null) == 0;
    }

    [LibraryImport("libc", EntryPoint = "sigaltstack")]
    private static partial int Exchange(Description* stack, Description* previous);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    /// <summary>The system's stack_t.</summary>
    private struct Description
    {
        public byte* Pointer;
        public int Flags;
        public nuint Bytes;
    }
}
