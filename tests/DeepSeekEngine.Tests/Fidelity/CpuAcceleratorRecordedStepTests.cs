using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.Tests.Fidelity;

public sealed class CpuAcceleratorRecordedStepTests : RecordedStepTests
{
    internal override IlgpuBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}
