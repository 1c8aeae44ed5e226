using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

[TestFixtureSource(typeof(OracleFixtures), nameof(OracleFixtures.All))]
public sealed class SimdFidelityTests(string directory) : LongPromptFidelityTests(directory)
{
    internal override IBackend CreateBackend() => new SimdBackend();
}
