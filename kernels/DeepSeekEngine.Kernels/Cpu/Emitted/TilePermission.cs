using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// The system's permission to use tiles. They make a thread's state much larger, so that a process has it only if it asks.
/// </summary>
internal static partial class TilePermission
{
    private const int TileConfiguration = 17, TileData = 18;
    private const int LinuxArchPrctl = 158, RequestPermission = 0x1023;

    /// <summary>Asks for all threads of the process. False where the system refuses or knows no tiles; never fails otherwise.</summary>
    public static bool Request()
    {
        try
        {
            return OperatingSystem.IsLinux() ? RequestOnLinux()
                : OperatingSystem.IsWindows() && RequestOnWindows();
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static bool RequestOnLinux()
        => RuntimeInformation.ProcessArchitecture == Architecture.X64 && SystemCall(LinuxArchPrctl, RequestPermission, TileData) == 0;

    private static bool RequestOnWindows()
    {
        const ulong tiles = 1UL << TileConfiguration | 1UL << TileData;
        return (EnabledFeatures() & tiles) == tiles && EnableOptionalFeatures(1UL << TileData) != 0;
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint operation, nint feature);

    [LibraryImport("kernel32", EntryPoint = "GetEnabledXStateFeatures")]
    private static partial ulong EnabledFeatures();

    [LibraryImport("kernel32", EntryPoint = "EnableProcessOptionalXStateFeatures")]
    private static partial int EnableOptionalFeatures(ulong features);
}
