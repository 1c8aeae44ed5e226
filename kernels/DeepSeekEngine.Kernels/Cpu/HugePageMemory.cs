using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Zeroed memory of Linux in huge pages where the system gives them: reading weights through small ones costs a tenth and more of the
/// bandwidth. What does not fill a huge page stays in small ones, so that no more becomes resident than is asked for.
/// Other systems give huge pages only to the privileged.
/// </summary>
internal static unsafe partial class HugePageMemory
{
    private const nuint HugePage = 2 << 20;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    /// <summary>Bytes from which on it is worth a mapping of its own.</summary>
    public const long Least = 4 << 20;

    /// <summary>Aligned to a huge page; not resident until it is touched. Null where there is none to be had.</summary>
    /// <param name="length">At least <see cref="Least"/>.</param>
    public static byte* TryAllocate(nuint length)
    {
        if (!OperatingSystem.IsLinux() || length > nuint.MaxValue - 2 * HugePage)
        {
            return null;
        }

        nuint whole = WholePages(length);
        try
        {
            byte* mapped = Map(null, whole + HugePage, ReadWrite, PrivateAnonymous, -1, 0);
            if ((nint)mapped == -1)
            {
                return null;
            }

            // More than asked for, to cut an aligned piece out of it.
            nuint before = (HugePage - ((nuint)mapped & (HugePage - 1))) & (HugePage - 1);
            byte* aligned = mapped + before;
            Cut(mapped, before);
            Cut(aligned + whole, HugePage - before);
            MemoryAdvice.UseHugePages(aligned, whole & ~(HugePage - 1));
            return aligned;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <param name="length">What it was allocated with.</param>
    public static void Free(byte* memory, nuint length) => _ = Unmap(memory, WholePages(length));

    private static nuint WholePages(nuint length)
    {
        nuint mask = (nuint)Environment.SystemPageSize - 1;
        return (length + mask) & ~mask;
    }

    private static void Cut(byte* memory, nuint length)
    {
        if (length > 0)
        {
            _ = Unmap(memory, length);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
