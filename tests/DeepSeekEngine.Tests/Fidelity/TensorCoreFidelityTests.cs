using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>
/// Whole models with all products by the kernels for tensor cores, on ILGPU's CPU accelerator, where an instruction of theirs takes a warp of
/// threads: short prompts only.
/// </summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class TensorCoreFidelityTests(string directory) : PrefillFidelityTests(directory)
{
    protected override int LongestPrompt => 7;

    protected override bool RoundsActivations => true;

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator(tensorCoreTokens: 1);
}
