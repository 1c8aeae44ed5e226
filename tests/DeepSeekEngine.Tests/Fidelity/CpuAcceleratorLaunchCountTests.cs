using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.Tests.Fidelity;

public sealed class CpuAcceleratorLaunchCountTests : LaunchCountTests
{
    internal override IlgpuBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}
