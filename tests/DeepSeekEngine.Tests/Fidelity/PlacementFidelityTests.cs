using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>Models whose layers are divided among several accelerators, routed experts on the host: the same tokens as on one.</summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.DeepSeek))]
public sealed class DividedFidelityTests(string directory) : ModelFidelityTests(directory)
{
    protected override int LongestPrompt => 7;

    protected override int GreedySteps => 4;

    internal override Placement Placement => new([0, 1, 2], ExpertsOnHost: true);

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}

/// <summary>The same on the processor alone, which has the time for all prompts, and with the experts where the rest of their layer is.</summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.DeepSeek))]
public sealed class DividedSimdFidelityTests(string directory) : ModelFidelityTests(directory)
{
    internal override Placement Placement => new([0, 2], ExpertsOnHost: false);

    internal override IBackend CreateBackend() => new SimdBackend(threads: 2);
}
