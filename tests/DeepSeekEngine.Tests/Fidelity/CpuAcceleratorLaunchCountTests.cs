using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

public sealed class CpuAcceleratorLaunchCountTests : LaunchCountTests
{
    internal override IlgpuBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();

    // The kernels are issued by the same code as on OpenCL, where every case is counted: here, slowly, each form of attention once.
    [TestCase("v3-fp8", 9)]
    [TestCase("qwen3", 1)]
    public void A_layer_of_a_decode_step_issues_few_kernels(string fixture, int sequences) => AssertFewKernels(fixture, sequences);
}
