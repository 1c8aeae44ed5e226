using System.Runtime.InteropServices;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>
/// Memory that is handed out and never taken back before the whole of it. On Linux it asks for huge pages, which reading whole models
/// gains from: a limit measured, or a model read, in small pages spends part of its time on address translation.
/// </summary>
internal sealed unsafe partial class Arena(bool hugePages = true) : IDisposable
{
    private const long ChunkBytes = 256L << 20;
    private const nuint HugePage = 2 << 20;
    private const int ReadWrite = 3;
    private const int PrivateAnonymousNoReserve = 0x4022;
    private const int AdviseHugePage = 14;

    private readonly List<(nint Pointer, nuint Length)> _chunks = [];
    private byte* _next;
    private byte* _end;

    /// <summary>Zeroed memory aligned to a cache line, valid until this is disposed.</summary>
    public byte* Take(long bytes)
    {
        const long line = 64;
        var rounded = (bytes + line - 1) & -line;
        if (_end - _next < rounded)
        {
            _next = Map((nuint)Math.Max(rounded, ChunkBytes), out var length);
            _end = _next + length;
        }

        var taken = _next;
        _next += rounded;
        return taken;
    }

    public void Dispose()
    {
        foreach (var (pointer, length) in _chunks)
        {
            if (OperatingSystem.IsLinux())
            {
                _ = Unmap(pointer, length);
            }
            else
            {
                NativeMemory.AlignedFree((void*)pointer);
            }
        }

        _chunks.Clear();
        _next = _end = null;
    }

    private byte* Map(nuint bytes, out nuint length)
    {
        length = (bytes + HugePage - 1) & ~(HugePage - 1);
        if (!OperatingSystem.IsLinux())
        {
            var memory = NativeMemory.AlignedAlloc(length, HugePage);
            NativeMemory.Clear(memory, length);
            _chunks.Add(((nint)memory, length));
            return (byte*)memory;
        }

        var mapped = length + HugePage;
        var pointer = MapMemory(0, mapped, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        if (pointer == -1)
        {
            throw new OutOfMemoryException($"The system has not {mapped:N0} bytes more.");
        }

        _chunks.Add((pointer, mapped));
        var aligned = ((nuint)pointer + HugePage - 1) & ~(HugePage - 1);
        if (hugePages)
        {
            _ = Advise((nint)aligned, length, AdviseHugePage);
        }

        return (byte*)aligned;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
