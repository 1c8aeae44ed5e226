using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>
/// Whole models by the GPU kernels on ILGPU's CPU accelerator, where every kernel thread is a thread of the system: short prompts only.
/// </summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class CpuAcceleratorFidelityTests(string directory) : ModelFidelityTests(directory)
{
    protected override int LongestPrompt => 7;

    protected override int GreedySteps => 4;

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}
