using System.Globalization;
using System.Text;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Testing.Generation;
using DeepSeekEngine.Testing.Quality;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Benchmarks.Quality;

/// <summary>
/// What quantising costs the sample model, or another that does arithmetic: right answers, divergence of its distributions, rounding
/// error, and which roles would gain from more bits. <c>quality [--model DIRECTORY] [--texts N] [--output FILE]</c>.
/// </summary>
internal static class QualityCommand
{
    private static readonly TensorRole[] Quantized =
    [
        TensorRole.Head, TensorRole.Query, TensorRole.LatentDown, TensorRole.AttentionOutput, TensorRole.DenseFeedForward,
        TensorRole.SharedExperts, TensorRole.RoutedExperts,
    ];

    public static void Run(Options options)
    {
        var directory = options.Text("model", TestPaths.TinyR1);
        var problems = EvaluationSet.Read();
        var text = new StringBuilder();
        var correct = new Dictionary<WeightFormat, int>();
        var texts = Load(directory, WeightFormat.AsStored, model => EvaluationTexts.OfAsync(model, problems.Take(options.Number("texts", 100))));
        foreach (var format in QuantizationPolicy.Formats)
        {
            correct[format] = Load(directory, format, model => EvaluationSet.CountCorrectAsync(model, problems));
        }

        var divergence = new LogitDivergence(directory, texts);
        Line($"{Path.GetFileName(directory)}, {problems.Count} problems, divergence from the stored weights at {texts.Sum(t => t.Length)} positions "
            + "of prompts, reasoning and answers; KL in nats.\n");
        Line("| weights | exactly right | mean KL | maximum KL |\n| --- | ---: | ---: | ---: |");
        foreach (var format in QuantizationPolicy.Formats)
        {
            Row($"{format} | {correct[format]}", divergence.Of(QuantizationPolicy.For(format)));
        }

        var int4 = QuantizationPolicy.For(WeightFormat.Int4);
        Line("\nInt4, but for one role (the head is Int8 already):\n");
        Line("| role | as | mean KL | maximum KL |\n| --- | --- | ---: | ---: |");
        foreach (var role in Quantized)
        {
            WeightEncoding?[] others = role is TensorRole.Head ? [WeightEncoding.Int4, null] : [WeightEncoding.Int8, null];
            foreach (var other in others)
            {
                Row($"{role} | {other?.ToString() ?? "stored"}", divergence.Of(int4.With(role, other)));
            }
        }

        Row($"{TensorRole.Router} | Int8", divergence.Of(int4.With(TensorRole.Router, WeightEncoding.Int8)));

        using var checkpoint = Checkpoint.Open(directory, ModelConfigReader.Read(directory).Fp8);
        var int8Errors = RoundingError.ByRole(checkpoint, WeightEncoding.Int8);
        var int4Errors = RoundingError.ByRole(checkpoint, WeightEncoding.Int4);
        Line("\nRounding error of the weights, relative root mean square:\n");
        Line("| role | Int8 | Int4 |\n| --- | ---: | ---: |");
        foreach (var (role, error) in int8Errors)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"| {role} | {error:P2} | {int4Errors[role]:P2} |"));
        }

        Console.Write(text);
        if (options.Value("output") is { } path)
        {
            File.WriteAllText(path, $"# Quality of quantised weights\n\n`{options.Line}`\n\n{text}");
        }

        void Line(string line) => text.Append(line).Append('\n');

        void Row(string name, Divergence found)
            => Line(string.Create(CultureInfo.InvariantCulture, $"| {name} | {found.Mean:0.00e+0} | {found.Maximum:0.00e+0} |"));
    }

    private static T Load<T>(string directory, WeightFormat format, Func<DeepSeekModel, Task<T>> use) => Task.Run(async () =>
    {
        await using var model = await DeepSeekModel.LoadAsync(directory, new EngineOptions { Device = Device.Cpu, Weights = format });
        return await use(model);
    }).GetAwaiter().GetResult();
}
