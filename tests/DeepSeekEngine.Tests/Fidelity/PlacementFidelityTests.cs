using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>
/// Models whose layers are divided among several accelerators, routed experts on the host: the same tokens as on one. Slow, so one with a
/// multi-token-prediction module, one without and one of dense layers; all of them are divided on OpenCL devices and on the processor.
/// </summary>
[TestFixture("v3-fp8")]
[TestFixture("v2-grouped")]
[TestFixture("qwen3")]
public sealed class DividedFidelityTests(string fixture) : ModelFidelityTests(TestPaths.Fixture(fixture))
{
    private readonly string _directory = TestPaths.Fixture(fixture);

    protected override int LongestPrompt => 7;

    protected override int GreedySteps => 4;

    // The dense fixtures have two layers.
    internal override Placement Placement
        => new([.. Enumerable.Range(0, Math.Min(3, ModelConfigReader.Read(_directory).Layers))], ExpertsOnHost: true);

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}

/// <summary>The same on the processor alone, which has the time for all prompts, and with the experts where the rest of their layer is.</summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class DividedSimdFidelityTests(string directory) : ModelFidelityTests(directory)
{
    private readonly string _directory = directory;

    internal override Placement Placement => new([0, ModelConfigReader.Read(_directory).Layers - 1], ExpertsOnHost: false);

    internal override IBackend CreateBackend() => new SimdBackend(threads: 2);
}
