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

    [Test]
    public async Task The_sample_model_answers_with_packed_weights_too([Values(WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        OpenClDevice.Require();
        var packed = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            await ModelPacker.PackAsync(TestPaths.TinyR1, packed, format);
            var problems = EvaluationSet.Read().Take(20).ToList();
            var greedy = new GenerationOptions { Temperature = 0 };
            var options = new EngineOptions { Device = Device.OpenCL };
            await using var mapped = await DeepSeekModel.LoadAsync(packed, options);
            await using var quantized = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, options with { Weights = format });
            var expected = await quantized.GenerateAsync(problems[0].Question, greedy);
            var found = await mapped.GenerateAsync(problems[0].Question, greedy);
            Assert.That((found.Reasoning, found.Text), Is.EqualTo((expected.Reasoning, expected.Text)));
            Assert.That(await EvaluationSet.CountCorrectAsync(mapped, problems), Is.GreaterThanOrEqualTo(problems.Count * 9 / 10));
        }
        finally
        {
            Directory.Delete(packed, recursive: true);
        }
    }

    [Test]
    public async Task Loading_tells_how_many_kernels_are_compiled()
    {
        OpenClDevice.Require();
        var reports = new List<LoadProgress>();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.OpenCL }, new Recorder(reports));
        var compiling = reports.Where(report => report.KernelsTotal > 0).ToList();
        Assert.That(compiling, Is.Not.Empty);
        Assert.That(compiling.Select(report => report.Stage), Is.All.EqualTo(LoadStage.Preparing));
        Assert.That(compiling.Select(report => report.KernelsDone), Is.Ordered);
        Assert.That(compiling[^1].KernelsDone, Is.EqualTo(compiling[^1].KernelsTotal));
    }

    private sealed class Recorder(List<LoadProgress> reports) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value)
        {
            lock (reports)
            {
                reports.Add(value);
            }
        }
    }
}
