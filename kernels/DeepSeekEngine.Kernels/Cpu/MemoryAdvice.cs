using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>What the system may be told of the use of memory. Advice is never needed, so its failure is ignored.</summary>
internal static unsafe partial class MemoryAdvice
{
    /// <summary>
    /// Linux reads no more for one advice than the device's read-ahead or its largest transfer, whichever is more, and drops the rest
    /// without a word; read-ahead is 128 KiB where nobody changed it.
    /// </summary>
    private const nuint ReadAtOnce = 128 << 10;

    private const int Need = 3, NoNeed = 4, HugePages = 14;

    private static readonly bool IsLinux = OperatingSystem.IsLinux();
    private static readonly bool IsWindows = OperatingSystem.IsWindows();
    private static readonly bool IsUnix = IsLinux || OperatingSystem.IsMacOS();

    /// <summary>The whole pages some bytes lie in.</summary>
    /// <param name="page">Bytes of a page, a power of two.</param>
    public static PageRange PagesOf(byte* data, long length, int page)
    {
        nuint mask = (nuint)page - 1;
        nuint begin = (nuint)data & ~mask;
        return new PageRange(begin, length <= 0 ? 0 : (((nuint)data + (nuint)length + mask) & ~mask) - begin);
    }

    /// <summary>Bytes of a mapped file are read soon: begins to bring in what of them is not in memory, and does not wait for it.</summary>
    public static void WillNeed(byte* data, long length)
    {
        PageRange pages = PagesOf(data, length, Environment.SystemPageSize);
        if (IsLinux)
        {
            for (nuint done = 0; done < pages.Length; done += ReadAtOnce)
            {
                Advise(pages.Begin + done, nuint.Min(ReadAtOnce, pages.Length - done), Need);
            }
        }
        else if (IsWindows && pages.Length > 0)
        {
            // Windows 8 and later, as this runtime requires.
            _ = PrefetchVirtualMemory(-1, 1, &pages, 0);
        }
    }

    /// <summary>
    /// Bytes of a mapped file are not read again soon: takes their pages out of this process's memory. Reading them later is slow, not
    /// wrong; where a neighbour shares a page, it is read in again.
    /// </summary>
    public static void DoNotNeed(byte* data, long length)
    {
        PageRange pages = PagesOf(data, length, Environment.SystemPageSize);
        if (IsUnix && pages.Length > 0)
        {
            Advise(pages.Begin, pages.Length, NoNeed);
        }
    }

    /// <summary>Anonymous memory on Linux, not touched yet, is to be in huge pages where it fills them.</summary>
    public static void UseHugePages(byte* data, nuint length) => Advise((nuint)data, length, HugePages);

    private static void Advise(nuint begin, nuint length, int advice)
    {
        try
        {
            _ = MemoryAdvise(begin, length, advice);
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            // A libc under another name: then there is no advice.
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(nuint address, nuint length, int advice);

    [LibraryImport("kernel32")]
    private static partial int PrefetchVirtualMemory(nint process, nuint ranges, PageRange* range, uint flags);
}

/// <summary>Whole pages of memory, in bytes; laid out as Windows' WIN32_MEMORY_RANGE_ENTRY.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PageRange(nuint Begin, nuint Length);
