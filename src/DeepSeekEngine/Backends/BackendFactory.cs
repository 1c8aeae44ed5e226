using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;

namespace DeepSeekEngine.Backends;

/// <summary>Opens the device a model is to run on.</summary>
internal static class BackendFactory
{
    /// <exception cref="DeviceUnavailableException">The device asked for does not exist or cannot be used.</exception>
    public static IBackend Create(EngineOptions options) => options.Device switch
    {
        Device.Cuda => IlgpuBackend.CreateCuda(options.DeviceIndex),
        Device.OpenCL => IlgpuBackend.CreateOpenCl(options.DeviceIndex),
        Device.Auto when IlgpuDevices.Cuda.Count > options.DeviceIndex => IlgpuBackend.CreateCuda(options.DeviceIndex),
        _ => new SimdBackend(options.Threads ?? 0),
    };

    /// <param name="includeOpenCl">Whether to load OpenCL's drivers.</param>
    public static IReadOnlyList<DeviceInfo> Devices(bool includeOpenCl)
    {
        List<DeviceInfo> devices =
        [
            new(Device.Cpu, 0, SimdBackend.ProcessorName, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
            .. IlgpuDevices.Cuda.Select((device, i) => new DeviceInfo(Device.Cuda, i, device.Name, device.MemorySize)),
        ];
        if (includeOpenCl)
        {
            devices.AddRange(IlgpuDevices.OpenCl.Select((device, i) => new DeviceInfo(Device.OpenCL, i, device.Name, device.MemorySize)));
        }

        return devices;
    }
}
