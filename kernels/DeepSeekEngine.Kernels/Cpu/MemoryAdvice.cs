using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>What the system may be told of the use of memory. Advice is never needed, so its failure is ignored.</summary>
internal static unsafe partial class MemoryAdvice
{
    /// <summary>
    /// Linux reads no more for one advice than the device's read-ahead or its largest transfer, whichever is more, and drops the rest
    /// without a word; read-ahead is 128 KiB where nobody changed it.
    /// </summary>
    private const int ReadAtOnce = 128 << 10;

    /// <summary>Bytes whose pages the system is asked about in one call.</summary>
    private const nuint AskedAtOnce = 8 << 20;

    private const int SmallestPage = 4096;
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

    /// <summary>
    /// Bytes of a mapped file are read soon: begins to bring in what of them is not in memory, and does not wait for it. What the system
    /// says is in memory is passed over, which makes this many times faster where all is; but of files that are neither the process's own
    /// nor writable Linux says so of every page, therefore it is not believed before it has said otherwise.
    /// </summary>
    /// <remarks>
    /// MADV_RANDOM, which would keep read-ahead away from what is not asked for, is left alone: a tenth less is read where every expert is
    /// chosen as often as another, but Linux takes what is read through such a mapping for unused, and hot experts would not stay.
    /// </remarks>
    /// <param name="believed">Whether the system has ever said of a page that it is not in memory.</param>
    public static void WillNeed(byte* data, long length, ref bool believed)
    {
        PageRange pages = PagesOf(data, length, Environment.SystemPageSize);
        if (IsLinux)
        {
            for (nuint done = 0; done < pages.Length; done += AskedAtOnce)
            {
                BringIn(new PageRange(pages.Begin + done, nuint.Min(AskedAtOnce, pages.Length - done)), ref believed);
            }
        }
        else if (IsWindows && pages.Length > 0)
        {
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

    [SkipLocalsInit]
    private static void BringIn(PageRange pages, ref bool believed)
    {
        int page = Environment.SystemPageSize;
        int count = (int)(pages.Length / (nuint)page);
        byte* isResident = stackalloc byte[(int)AskedAtOnce / SmallestPage];
        if (!Ask(pages, isResident))
        {
            new Span<byte>(isResident, count).Clear();
        }

        int atOnce = Math.Max(1, ReadAtOnce / page);
        for (int first = 0, some; first < count; first += some)
        {
            some = Math.Min(atOnce, count - first);
            bool isAbsent = new ReadOnlySpan<byte>(isResident + first, some).Contains((byte)0);
            believed |= isAbsent;
            if (isAbsent || !believed)
            {
                Advise(pages.Begin + (nuint)first * (nuint)page, (nuint)some * (nuint)page, Need);
            }
        }
    }

    private static bool Ask(PageRange pages, byte* isResident)
    {
        try
        {
            return PagesInMemory(pages.Begin, pages.Length, isResident) == 0;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

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

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int PagesInMemory(nuint address, nuint length, byte* isResident);

    [LibraryImport("kernel32")]
    private static partial int PrefetchVirtualMemory(nint process, nuint ranges, PageRange* range, uint flags);
}

/// <summary>Whole pages of memory, in bytes; laid out as Windows' WIN32_MEMORY_RANGE_ENTRY.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PageRange(nuint Begin, nuint Length);
