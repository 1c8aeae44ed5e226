using System.Reflection;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// The CUDA and OpenCL devices of this machine, in the order their drivers list them. Drivers are loaded when first asked for, each kind
/// by itself.
/// </summary>
internal static class IlgpuDevices
{
    private static readonly PropertyInfo GenericAddressSpace =
        typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!;

    private static readonly Lazy<CudaDevice[]> CudaDevices = new(static () =>
    {
        NativeLibraries.Register();
        return
        [
            .. CudaDevice.GetDevices(static device => device.Architecture.HasValue && device.InstructionSet.HasValue).Cast<CudaDevice>(),
        ];
    });

    private static readonly Lazy<CLDevice[]> OpenClDevices = new(static () =>
    {
        NativeLibraries.Register();
        return [.. CLDevice.GetDevices(AssumeGenericAddressSpace).Cast<CLDevice>()];
    });

    /// <summary>None where there is no driver.</summary>
    public static IReadOnlyList<CudaDevice> Cuda => CudaDevices.Value;

    /// <summary>None where there is no driver. The first call loads all OpenCL drivers, some of which replace signal handlers.</summary>
    public static IReadOnlyList<CLDevice> OpenCl => OpenClDevices.Value;

    /// <summary>What a message may list.</summary>
    public static IReadOnlyList<string> Names =>
        [.. Cuda.Select((device, i) => $"CUDA {i}: {device.Name}"), .. OpenCl.Select((device, i) => $"OpenCL {i}: {device.Name}")];

    // ILGPU refuses OpenCL devices without a generic address space, which its code for our kernels never uses: every pointer's space is
    // inferred, and OpenClSource refuses a kernel for which that failed. The property has no public setter.
    private static bool AssumeGenericAddressSpace(CLDevice device)
    {
        GenericAddressSpace.SetValue(device.Capabilities, true);
        return true;
    }
}
