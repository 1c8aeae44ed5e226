using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.OpenCL.Tests;

public sealed class OpenClLaunchCountTests : LaunchCountTests
{
    internal override IlgpuBackend CreateBackend() => OpenClDevice.CreateBackend();

    // Queries through a low rank or directly, weights in two encodings; attention of groups; one sequence, a tile of them, and more than that.
    [Test]
    public void A_layer_of_a_decode_step_issues_few_kernels(
        [Values("v3-fp8", "v2-grouped", "v2lite-bf16", "qwen2", "qwen3")] string fixture, [Values(1, 4, 9)] int sequences)
        => AssertFewKernels(fixture, sequences);
}
