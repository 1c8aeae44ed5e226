using DeepSeekEngine.Backends;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>Whole models on two accelerators, with their routed experts on the host.</summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class OpenClPlacementTests(string directory) : ModelFidelityTests(directory)
{
    internal override Placement Placement => new([0, 1], ExpertsOnHost: true);

    internal override IBackend CreateBackend() => OpenClDevice.CreateBackend();
}
