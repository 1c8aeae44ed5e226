using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.OpenCL.Tests;

public sealed class OpenClLaunchCountTests : LaunchCountTests
{
    internal override IlgpuBackend CreateBackend() => OpenClDevice.CreateBackend();
}
