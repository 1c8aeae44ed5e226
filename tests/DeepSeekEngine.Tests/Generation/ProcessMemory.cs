using System.Globalization;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>What the process holds once everything that can be collected is: what a leak of any kind makes grow.</summary>
/// <param name="NativeBytes">Bytes the library allocated outside the managed heap.</param>
/// <param name="ManagedBytes">Bytes of live managed objects.</param>
/// <param name="UnmanagedResidentBytes">Resident bytes that belong to no file and not to the managed heap; 0 where the system does not tell.</param>
/// <param name="OpenFiles">File descriptors; 0 where the system does not tell.</param>
internal sealed record ProcessMemory(long NativeBytes, long ManagedBytes, long UnmanagedResidentBytes, int OpenFiles)
{
    public static ProcessMemory Measure()
    {
        // Twice: what a finalizer lets go of is free only after the next collection. Aggressive, so that free pages go back to the system.
        for (var i = 0; i < 2; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        var managed = GC.GetTotalMemory(forceFullCollection: false);
        return OperatingSystem.IsLinux()
            ? new ProcessMemory(
                NativeBuffer.OutstandingBytes, managed, ResidentBytes() - GC.GetGCMemoryInfo().TotalCommittedBytes,
                Directory.EnumerateFileSystemEntries("/proc/self/fd").Count())
            : new ProcessMemory(NativeBuffer.OutstandingBytes, managed, 0, 0);
    }

    /// <summary>Threads of the library; none where the system does not tell.</summary>
    public static int CountEngineThreads()
        => OperatingSystem.IsLinux()
            ? Directory.EnumerateDirectories("/proc/self/task").Count(task => NameOf(task).StartsWith("DeepSeekEngine", StringComparison.Ordinal))
            : 0;

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return string.Empty;
        }
    }

    private static long ResidentBytes()
    {
        const string field = "RssAnon:";
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }
}
