using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Generation;

namespace DeepSeekEngine.OpenCL.Tests;

public sealed class OpenClSampleModelTests
{
    [Test]
    public async Task The_sample_model_is_as_accurate_as_its_card_says_on_a_sample_of_its_problems()
    {
        OpenClDevice.Require();
        var problems = EvaluationSet.Read().Where((_, i) => i % 10 == 0).ToList();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.OpenCL });
        var correct = await EvaluationSet.CountCorrectAsync(model, problems);
        TestContext.Out.WriteLine($"{correct} of {problems.Count} answers are exactly right on {model.Info.Device}.");
        Assert.That(correct, Is.GreaterThanOrEqualTo(problems.Count * EvaluationSet.CardCorrect / EvaluationSet.CardTotal));
    }
}
