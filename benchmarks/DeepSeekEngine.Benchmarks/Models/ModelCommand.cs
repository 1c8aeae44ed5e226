using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>
/// Prefill and decoding of whole models with synthetic weights: <c>--shape --format --context --prompt --decode --rounds --threads
/// --layers --pages huge|small</c>.
/// </summary>
internal static class ModelCommand
{
    private const string Note =
        "Medians. GB/s are bytes of weights and cache a token reads over its time; the probe reads memory before and after, "
        + "% of limit is the median of their ratios.";

    public static void Run(Options arguments)
    {
        var contexts = arguments.Numbers("context", "0");
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        var (rounds, threads) = (arguments.Number("rounds", 3), arguments.Number("threads", 0));
        var huge = arguments.Text("pages", "huge") == "huge";
        using var limits = new MachineLimits(threads);
        var table = new MarkdownTable(
            "model", "format", "weights GB", "active MB", "context", $"prefill {prompt} t/s", $"decode {decode} t/s", "GB/s", "probe GB/s",
            "% of limit");
        foreach (var shape in arguments.List("shape", "mid9"))
        {
            foreach (var format in arguments.Names<WeightEncoding>("format", nameof(WeightEncoding.BF16)))
            {
                using var model = new SyntheticModel(
                    Shapes.Of(shape, arguments.Number("layers", 0)), format, threads, prompt, contexts.Max() + Math.Max(prompt, decode), huge);
                foreach (var context in contexts)
                {
                    model.SetContext(context);
                    model.Decode(4);
                    var bytes = model.ActiveBytes + model.CacheBytes;
                    var samples = Enumerable.Range(0, rounds).Select(_ => Sample(model, limits, prompt, decode)).ToArray();
                    table.Add(
                        shape, $"{format}", $"{model.TotalBytes / 1e9:F2}", $"{model.ActiveBytes / 1e6:F0}", $"{context}",
                        $"{prompt / Statistics.Median(samples.Select(s => s.Prefill)):F1}",
                        $"{decode / Statistics.Median(samples.Select(s => s.Decode)):F2}",
                        $"{bytes * decode / Statistics.Median(samples.Select(s => s.Decode)) / 1e9:F1}",
                        $"{Statistics.Median(samples.Select(s => s.Probe)) / 1e9:F1}",
                        $"{Statistics.Median(samples.Select(s => bytes * decode / s.Decode / s.Probe)):P0}");
                }
            }
        }

        Report.Write(arguments, "model", [Note], table);
    }

    private static (double Prefill, double Decode, double Probe) Sample(SyntheticModel model, MachineLimits limits, int prompt, int decode)
    {
        var prefill = model.Prefill(prompt);
        var before = limits.ReadBandwidth();
        var seconds = model.Decode(decode);
        return (prefill, seconds, (before + limits.ReadBandwidth()) / 2);
    }
}
