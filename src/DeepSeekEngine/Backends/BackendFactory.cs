using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Backends;

/// <summary>Opens the devices a model is to run on.</summary>
internal static class BackendFactory
{
    /// <summary>The kind of device the options mean, and never <see cref="Device.Auto"/>.</summary>
    public static Device KindOf(EngineOptions options) => options.Device switch
    {
        Device.Auto => IlgpuDevices.Cuda.Count - options.DeviceIndex >= options.DeviceCount ? Device.Cuda : Device.Cpu,
        var device => device,
    };

    /// <summary>Opens a device of the kind, which is one of those the layers are divided among.</summary>
    /// <param name="number">Its number among them.</param>
    /// <exception cref="DeviceUnavailableException">The device does not exist or cannot be used.</exception>
    public static IBackend Create(EngineOptions options, Device kind, int number) => kind switch
    {
        Device.Cuda => IlgpuBackend.CreateCuda(
            options.DeviceIndex + number, options.DeviceMemoryLimit, cache: CacheOf(options, onProcessor: false)),
        Device.OpenCL => IlgpuBackend.CreateOpenCl(
            options.DeviceIndex + number, options.DeviceMemoryLimit, CacheOf(options, onProcessor: false)),
        _ => SimdBackend.Fastest(options.Threads ?? 0, CacheOf(options, onProcessor: true)),
    };

    /// <summary>What devices keep the key-value cache as.</summary>
    public static CachePrecision CacheOf(EngineOptions options, bool onProcessor) => options.KvCache switch
    {
        KvCachePrecision.Float32 => CachePrecision.Float32,
        KvCachePrecision.BFloat16 => CachePrecision.BFloat16,
        KvCachePrecision.Int8 => CachePrecision.Int8,
        _ => onProcessor ? SimdBackend.FastestCache : CachePrecision.Float32,
    };

    /// <summary>The option that asks for a precision.</summary>
    public static KvCachePrecision OptionFor(CachePrecision precision) => precision switch
    {
        CachePrecision.Float32 => KvCachePrecision.Float32,
        CachePrecision.BFloat16 => KvCachePrecision.BFloat16,
        _ => KvCachePrecision.Int8,
    };

    /// <summary>Devices of the kind that the layers are divided among.</summary>
    public static int CountOf(EngineOptions options, Device kind) => kind is Device.Cpu ? 1 : options.DeviceCount;

    /// <summary>
    /// What the model may take of each device's memory, without opening it. What is known neither from the options nor of a device that
    /// is there is taken to be enough.
    /// </summary>
    public static long[] MemoryOf(EngineOptions options, Device kind)
    {
        var memory = new long[CountOf(options, kind)];
        for (var i = 0; i < memory.Length; i++)
        {
            var index = options.DeviceIndex + i;
            memory[i] = Math.Min(options.DeviceMemoryLimit ?? long.MaxValue, kind switch
            {
                Device.Cuda when index < IlgpuDevices.Cuda.Count => IlgpuDevices.Cuda[index].MemorySize,
                Device.OpenCL when index < IlgpuDevices.OpenCl.Count => IlgpuDevices.OpenCl[index].MemorySize,
                _ => long.MaxValue,
            });
        }

        return memory;
    }

    /// <param name="includeOpenCl">Whether to load OpenCL's drivers.</param>
    public static IReadOnlyList<DeviceInfo> Devices(bool includeOpenCl)
    {
        List<DeviceInfo> devices =
        [
            new(Device.Cpu, 0, SimdBackend.ProcessorName, HostMemory.Bytes),
            .. IlgpuDevices.Cuda.Select((device, i) => new DeviceInfo(Device.Cuda, i, device.Name, device.MemorySize)),
        ];
        if (includeOpenCl)
        {
            devices.AddRange(IlgpuDevices.OpenCl.Select((device, i) => new DeviceInfo(Device.OpenCL, i, device.Name, device.MemorySize)));
        }

        return devices;
    }
}
