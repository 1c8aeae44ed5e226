using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>
/// Whole models with a cache that is rounded, and all else in float32: within the tolerances of rounding all activations to bfloat16.
/// </summary>
[TestFixtureSource(nameof(Fixtures))]
public sealed class RoundedCacheFidelityTests(string directory, string precision) : ModelFidelityTests(directory)
{
    private static IEnumerable<TestFixtureData> Fixtures
        => from directory in OracleFixtures.All
           from precision in (string[])[nameof(CachePrecision.BFloat16), nameof(CachePrecision.Int8)]
           select new TestFixtureData(directory, precision);

    protected override bool RoundsActivations => true;

    protected override bool RoundsOtherwise => true;

    internal override IBackend CreateBackend() => new SimdBackend(cache: Enum.Parse<CachePrecision>(precision));
}

/// <summary>The processor as applications compute with it where there is an instruction for bfloat16, with a cache it would not choose.</summary>
[TestFixtureSource(nameof(Fixtures))]
public sealed class UnusualCacheFidelityTests(string directory, string precision) : ModelFidelityTests(directory)
{
    private static IEnumerable<TestFixtureData> Fixtures
        => from directory in OracleFixtures.All
           from precision in (string[])[nameof(CachePrecision.Float32), nameof(CachePrecision.Int8)]
           select new TestFixtureData(directory, precision);

    protected override bool RoundsActivations => true;

    protected override bool RoundsOtherwise => true;

    internal override IBackend CreateBackend() => new SimdBackend(
        bfloat16: BFloat16Kernels.Native ?? ScalarBFloat16.Kernels, cache: Enum.Parse<CachePrecision>(precision));
}

/// <summary>
/// By the GPU kernels on ILGPU's CPU accelerator: a model of each kind of attention, each with one precision, and short prompts. Every
/// precision of every shape is the operations' tests'.
/// </summary>
[TestFixture("moonlight", nameof(CachePrecision.Int8))]
[TestFixture("qwen3", nameof(CachePrecision.BFloat16))]
public sealed class CpuAcceleratorCacheFidelityTests(string fixture, string precision) : ModelFidelityTests(TestPaths.Fixture(fixture))
{
    protected override int LongestPrompt => 7;

    protected override int GreedySteps => 4;

    protected override bool RoundsActivations => true;

    protected override bool RoundsOtherwise => true;

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator(cache: Enum.Parse<CachePrecision>(precision));
}
