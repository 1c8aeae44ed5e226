using DeepSeekEngine.Backends;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>Whole models by the GPU kernels, as ILGPU and the OpenCL driver compile them.</summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class OpenClFidelityTests(string directory) : LongPromptFidelityTests(directory)
{
    internal override IBackend CreateBackend() => OpenClDevice.CreateBackend();
}
