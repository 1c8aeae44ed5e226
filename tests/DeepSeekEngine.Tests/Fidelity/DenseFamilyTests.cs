using DeepSeekEngine.Testing.Fidelity;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Fidelity;

public sealed class DenseFamilyTests
{
    [TestCaseSource(typeof(OracleFixtures), nameof(OracleFixtures.Dense))]
    public async Task Distilled_dense_models_are_refused_by_name(string directory)
    {
        var refusal = await Assert.ThrowsAsync<UnsupportedModelException>(() => DeepSeekModel.LoadAsync(directory));
        Assert.That(refusal!.Path, Is.EqualTo(Path.Combine(directory, "config.json")));
        Assert.That(refusal.Message, Does.Contain("ForCausalLM"));
    }
}
