namespace DeepSeekEngine.Backends;

/// <summary>The memory of the machine, or what a container's limit leaves of it.</summary>
internal static class HostMemory
{
    public static long Bytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>What nobody uses, files that the system keeps in memory while there is room counting as nobody.</summary>
    public static long FreeBytes
    {
        get
        {
            // The runtime looks how much is used when it collects, and before its first collection it has not looked.
            GC.Collect(0);
            var info = GC.GetGCMemoryInfo();
            return Math.Max(0, info.TotalAvailableMemoryBytes - info.MemoryLoadBytes);
        }
    }
}
