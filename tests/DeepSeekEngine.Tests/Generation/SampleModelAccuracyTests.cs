using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Generation;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

public sealed class SampleModelAccuracyTests
{
    [Test]
    public async Task The_sample_model_is_as_accurate_as_its_card_says()
    {
        var problems = EvaluationSet.Read();
        Assert.That(problems, Has.Count.EqualTo(EvaluationSet.CardTotal));
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu });
        var correct = await EvaluationSet.CountCorrectAsync(model, problems);
        TestContext.Out.WriteLine($"{correct} of {problems.Count} answers are exactly right.");
        Assert.That(correct, Is.GreaterThanOrEqualTo(EvaluationSet.CardCorrect));
    }
}
