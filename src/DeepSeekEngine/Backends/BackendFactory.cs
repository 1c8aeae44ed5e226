using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;

namespace DeepSeekEngine.Backends;

/// <summary>Opens the device a model is to run on.</summary>
internal static class BackendFactory
{
    /// <exception cref="DeviceUnavailableException">The device asked for does not exist or cannot be used.</exception>
    /// <param name="packed">Whether matrices will be packed, which the GPU kernels do not read: then Auto means the CPU.</param>
    public static IBackend Create(EngineOptions options, bool packed) => options.Device switch
    {
        Device.Cuda => IlgpuBackend.CreateCuda(options.DeviceIndex),
        Device.OpenCL => IlgpuBackend.CreateOpenCl(options.DeviceIndex),
        Device.Auto when !packed && IlgpuDevices.Cuda.Count > options.DeviceIndex => IlgpuBackend.CreateCuda(options.DeviceIndex),
        _ => new SimdBackend(options.Threads ?? 0),
    };
}
