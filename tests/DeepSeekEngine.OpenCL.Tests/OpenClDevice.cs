using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>
/// The OpenCL device all tests of this process run on. The process is separate, and nothing in it runs in parallel, because PoCL replaces
/// signal handlers while it compiles, which the .NET runtime on other threads does not survive when it needs its own.
/// </summary>
internal static class OpenClDevice
{
    private static readonly Lazy<bool> Exists = new(() => IlgpuDevices.OpenCl.Count > 0);

    /// <summary>A backend on the first device.</summary>
    public static IlgpuBackend CreateBackend(CachePrecision cache = CachePrecision.Float32)
    {
        Require();
        return IlgpuBackend.CreateOpenCl(0, cache: cache);
    }

    /// <summary>Where there is no device, fails a continuous-integration run and tells any other why its test is skipped.</summary>
    public static void Require()
    {
        const string Missing = "There is no OpenCL device: install one, such as Debian's package pocl-opencl-icd.";
        if (!Exists.Value)
        {
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(Missing);
            }

            Assert.Ignore(Missing);
        }
    }
}
