using System.Globalization;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Devices;

/// <summary>
/// What a command measures on: <c>--device cpu</c> (with <c>--threads</c>), <c>cuda</c>, <c>opencl</c>, either with <c>:1</c> for the
/// second of its kind, or <c>cpu-accelerator</c>, ILGPU's, on which times mean nothing and everything else can be tried.
/// </summary>
internal static class BenchmarkDevice
{
    /// <param name="otherwise">The device where the option is not given.</param>
    /// <exception cref="ArgumentException">There is no such kind of device.</exception>
    /// <exception cref="DeviceUnavailableException">The device does not exist or cannot be used.</exception>
    public static IBackend Open(Options arguments, string otherwise = "cpu")
    {
        var name = arguments.Text("device", otherwise);
        var (kind, number) = name.Split(':', 2) is [var before, var after] ? (before, after) : (name, "0");
        var index = int.TryParse(number, CultureInfo.InvariantCulture, out var parsed) ? parsed : -1;
        var cache = CacheOf(arguments, CachePrecision.Float32);
        return kind switch
        {
            "cpu" => SimdBackend.Fastest(arguments.Number("threads", 0), CacheOf(arguments, SimdBackend.FastestCache)),
            "cuda" => IlgpuBackend.CreateCuda(index, tensorCores: arguments.Text("tensor-cores", "on") != "off", cache: cache),
            "opencl" => IlgpuBackend.CreateOpenCl(index, cache: cache),
            "cpu-accelerator" => IlgpuBackend.CreateOnCpuAccelerator(cache: cache),
            _ => throw new ArgumentException($"There is no device '{name}'; there are cpu, cuda, opencl and cpu-accelerator."),
        };
    }

    /// <summary><c>--kv-cache float32|bfloat16|int8</c>.</summary>
    private static CachePrecision CacheOf(Options arguments, CachePrecision otherwise)
        => arguments.Names<CachePrecision>("kv-cache", $"{otherwise}")[0];

    /// <summary>What such a device is measured against.</summary>
    /// <param name="probeMegabytes">The memory the probe works on, unless <c>--probe</c> says otherwise.</param>
    public static IDeviceLimits LimitsOf(IBackend backend, Options arguments, int probeMegabytes)
    {
        var bytes = (long)arguments.Number("probe", probeMegabytes) << 20;
        return backend is IlgpuBackend ilgpu
            ? new AcceleratorLimits(ilgpu, bytes)
            : new MachineLimits(arguments.Number("threads", 0), bytes);
    }

    /// <summary>Whether it rounds activations to bfloat16 before it multiplies them with weights of that kind.</summary>
    public static bool RoundsActivations(this IBackend backend)
        => backend.RoundedTokens < int.MaxValue || backend is SimdBackend { RoundsActivations: true };

    /// <summary>Waits until all that was issued is done.</summary>
    public static void Wait(this IBackend backend)
    {
        if (backend is IlgpuBackend ilgpu)
        {
            ilgpu.Stream.Synchronize();
        }
    }
}
