using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

/// <summary>
/// The processor as applications compute with it where there is an instruction for it: activations rounded to bfloat16. On other
/// processors by the functions' scalar twins, which give the same bits.
/// </summary>
[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class BFloat16FidelityTests(string directory) : LongPromptFidelityTests(directory)
{
    protected override bool RoundsActivations => true;

    internal override IBackend CreateBackend() => new SimdBackend(bfloat16: BFloat16Kernels.Native ?? ScalarBFloat16.Kernels);
}
