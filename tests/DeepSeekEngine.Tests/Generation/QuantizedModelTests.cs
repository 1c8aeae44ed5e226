using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Generation;
using DeepSeekEngine.Testing.Quality;
using DeepSeekEngine.Tests.Weights;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Models of Int8 and Int4 weights, quantised while loading or packed before: the same, nearly as good, and tidy.</summary>
public sealed class QuantizedModelTests
{
    private const string Question = "What is 47 + 58?";

    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public async Task A_packed_model_is_the_one_quantised_while_loading(WeightFormat format)
    {
        using var directory = new TemporaryDirectory();
        var packed = Path.Combine(directory.Path, "packed");
        await ModelPacker.PackAsync(TestPaths.TinyR1, packed, format);
        await using var loaded = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(format));
        await using var mapped = await DeepSeekModel.LoadAsync(packed, Cpu(WeightFormat.AsStored));
        var greedy = new GenerationOptions { Temperature = 0 };
        var expected = await loaded.GenerateAsync(Question, greedy);
        var found = await mapped.GenerateAsync(Question, greedy);
        Assert.That((found.Reasoning, found.Text), Is.EqualTo((expected.Reasoning, expected.Text)));
        int[][] texts = [mapped.Loaded.Encode([new Message(Role.User, Question)], greedy).Tokens];
        Assert.That(
            LogitDivergence.LogProbabilities(packed, QuantizationPolicy.For(WeightFormat.AsStored), texts),
            Is.EqualTo(LogitDivergence.LogProbabilities(TestPaths.TinyR1, QuantizationPolicy.For(format), texts)));
    }

    [TestCase("v3-fp8")]
    [TestCase("qwen2")]
    [TestCase("qwen3")]
    public async Task Other_encodings_and_architectures_pack_to_what_they_quantise_to(string fixture)
    {
        using var directory = new TemporaryDirectory();
        var packed = Path.Combine(directory.Path, "packed");
        var source = TestPaths.Fixture(fixture);
        await ModelPacker.PackAsync(source, packed, WeightFormat.Int8);
        int[][] texts = [[3, 1, 4, 1, 5, 9, 2, 6]];
        var loaded = LogitDivergence.LogProbabilities(source, QuantizationPolicy.For(WeightFormat.Int8), texts);
        var mapped = LogitDivergence.LogProbabilities(packed, QuantizationPolicy.For(WeightFormat.AsStored), texts);
        Assert.That(mapped, Is.EqualTo(loaded));
        Assert.That(mapped, Is.Not.EqualTo(LogitDivergence.LogProbabilities(source, QuantizationPolicy.For(WeightFormat.AsStored), texts)));
    }

    [TestCase(WeightFormat.Int8, 1, 0.0005)]
    [TestCase(WeightFormat.Int4, 10, 0.05)]
    public async Task Accuracy_and_distributions_are_nearly_those_of_the_stored_weights(WeightFormat format, int wrongMore, double meanDivergence)
    {
        var problems = EvaluationSet.Read().Take(100).ToList();
        await using var stored = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(WeightFormat.AsStored));
        await using var quantized = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(format));
        var expected = await EvaluationSet.CountCorrectAsync(stored, problems);
        var found = await EvaluationSet.CountCorrectAsync(quantized, problems);
        var texts = await EvaluationTexts.OfAsync(stored, problems.Take(10));
        var divergence = new LogitDivergence(TestPaths.TinyR1, texts).Of(QuantizationPolicy.For(format));
        TestContext.Out.WriteLine($"{found} of {problems.Count} right, stored {expected}; {divergence}.");
        Assert.That(found, Is.GreaterThanOrEqualTo(expected - wrongMore));
        Assert.That(divergence.Mean, Is.LessThan(meanDivergence));
    }

    [Test]
    public async Task Weights_that_fit_are_not_quantised_unless_asked()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(WeightFormat.Auto));
        Assert.That(model.Info.Weights, Is.EqualTo(WeightFormat.AsStored));
        await using var asked = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(WeightFormat.Int4));
        Assert.That(asked.Info.Weights, Is.EqualTo(WeightFormat.Int4));
    }

    [Test]
    public async Task Quantising_reports_progress_to_the_end_and_returns_all_memory()
    {
        var before = NativeBuffer.OutstandingBytes;
        var reports = new List<LoadProgress>();
        await using (await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(WeightFormat.Int4), new Recorder(reports.Add)))
        {
            Assert.That(reports.Select(report => report.BytesDone), Is.Ordered);
            Assert.That(reports.Last(report => report.Stage is LoadStage.LoadingWeights).Fraction, Is.EqualTo(1));
        }

        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    [Test]
    public async Task Cancelling_while_quantising_returns_all_memory()
    {
        var before = NativeBuffer.OutstandingBytes;
        using var cancellation = new CancellationTokenSource();
        var cancelHalfway = new Recorder(report =>
        {
            if (report.Fraction > 0.5)
            {
                cancellation.Cancel();
            }
        });
        await Assert.CatchAsync<OperationCanceledException>(
            () => DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu(WeightFormat.Int8), cancelHalfway, cancellation.Token));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    private static EngineOptions Cpu(WeightFormat format) => new() { Device = Device.Cpu, Weights = format };

    private sealed class Recorder(Action<LoadProgress> report) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => report(value);
    }
}
