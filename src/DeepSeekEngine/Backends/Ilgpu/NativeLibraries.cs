using System.Runtime.InteropServices;
using ILGPU;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Where ILGPU finds the driver libraries. It asks for libOpenCL.so and libcuda.so, which only development packages install;
/// a machine that merely runs programs has libOpenCL.so.1 and libcuda.so.1.
/// </summary>
internal static class NativeLibraries
{
    private static readonly Lazy<bool> Registered = new(SetResolver);

    /// <summary>Must be called before ILGPU first looks for devices; once is enough.</summary>
    public static void Register() => _ = Registered.Value;

    /// <summary>The CUDA driver that <see cref="Register"/> has ILGPU use.</summary>
    public static bool TryLoadCuda(out nint library)
        => (library = OperatingSystem.IsLinux() ? Cuda() : NativeLibrary.TryLoad("nvcuda", out nint windows) ? windows : 0) != 0;

    private static nint Cuda() => FirstOf("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1");

    private static bool SetResolver()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, static (name, _, _) => name switch
            {
                "OpenCL" => FirstOf("libOpenCL.so.1"),
                "cuda" => Cuda(),
                _ => 0,
            });
            return true;
        }
        catch (InvalidOperationException)
        {
            // The program around us has set a resolver of its own; an assembly can have only one, and theirs may well find the libraries.
            return false;
        }
    }

    private static nint FirstOf(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }
}
