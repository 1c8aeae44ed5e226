using System.Runtime.InteropServices;

namespace DeepSeekEngine.Weights;

/// <summary>Bytes of a mapped file, and what the system may be told of their use. Hints are never needed, so their failure is ignored.</summary>
internal readonly unsafe partial struct MappedBytes(byte* data, long length)
{
    private const int DontNeed = 4;

    private static readonly bool Advisable = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    public byte* Data => data;

    public long Length => length;

    /// <summary>They are not read again soon: takes them out of this process's memory. Reading them later is slow, not wrong.</summary>
    public void Release()
    {
        if (!Advisable || length == 0)
        {
            return;
        }

        // The pages the bytes lie in. Where a neighbour shares one, it is read in again.
        nint page = Environment.SystemPageSize;
        nint begin = (nint)data & -page;
        try
        {
            _ = AdviseMemory(begin, (nuint)((nint)data + (nint)length - begin), DontNeed);
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            // A libc under another name: then there are no hints.
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int AdviseMemory(nint address, nuint length, int advice);
}
