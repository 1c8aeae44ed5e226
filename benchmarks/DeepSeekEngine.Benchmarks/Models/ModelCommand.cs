using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>
/// Prefill and decoding of whole models with synthetic weights: <c>--device --shape --format --context --prompt --decode --rounds
/// --threads --layers --pages huge|small --probe MB --kv-cache float32|bfloat16|int8</c>.
/// </summary>
internal static class ModelCommand
{
    public static void Run(Options arguments)
    {
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        using var backend = BenchmarkDevice.Open(arguments);
        using var limits = BenchmarkDevice.LimitsOf(backend, arguments, probeMegabytes: 1024);
        var table = new MarkdownTable(
            "model", "format", "weights GB", "active MB", "context", $"prefill {prompt} t/s", $"decode {decode} t/s", "GB/s", "probe GB/s",
            "% of limit");
        foreach (var shape in arguments.List("shape", "mid9"))
        {
            foreach (var format in arguments.Names<WeightEncoding>("format", nameof(WeightEncoding.BF16)))
            {
                AddRows(table, arguments, backend, limits, shape, format);
            }
        }

        Report.Write(
            arguments, "model",
            [
                $"On {backend.DeviceName}, the cache of {backend.CachePrecision}. Medians. GB/s are bytes of weights and cache a token reads over its time; {limits.Probe} before "
                + "and after, % of limit is the median of their ratios.",
            ],
            table, backend is SimdBackend ? null : backend.DeviceName);
    }

    private static void AddRows(
        MarkdownTable table, Options arguments, IBackend backend, IDeviceLimits limits, string shape, WeightEncoding format)
    {
        var contexts = arguments.Numbers("context", "0");
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        try
        {
            using var model = new SyntheticModel(
                backend, Shapes.Of(shape, arguments.Number("layers", 0)), format, prompt, contexts.Max() + Math.Max(prompt, decode),
                arguments.Text("pages", "huge") == "huge");
            foreach (var context in contexts)
            {
                model.SetContext(context);
                model.Decode(Math.Min(4, decode));
                var bytes = model.ActiveBytes + model.CacheBytes;
                var samples = Enumerable.Range(0, arguments.Number("rounds", 3)).Select(_ => Sample(model, limits, prompt, decode)).ToArray();
                table.Add(
                    shape, $"{format}", $"{model.TotalBytes / 1e9:F2}", $"{model.ActiveBytes / 1e6:F0}", $"{context}",
                    $"{prompt / Statistics.Median(samples.Select(s => s.Prefill)):F1}",
                    $"{decode / Statistics.Median(samples.Select(s => s.Decode)):F2}",
                    $"{bytes * decode / Statistics.Median(samples.Select(s => s.Decode)) / 1e9:F1}",
                    $"{Statistics.Median(samples.Select(s => s.Probe)) / 1e9:F1}",
                    $"{Statistics.Median(samples.Select(s => bytes * decode / s.Decode / s.Probe)):P0}");
            }
        }
        catch (NotEnoughMemoryException exception)
        {
            table.Add(shape, $"{format}", $"lacks {(exception.RequiredBytes - exception.AvailableBytes) / 1e9:F2}", "", "", "", "", "", "", "");
        }
    }

    private static (double Prefill, double Decode, double Probe) Sample(SyntheticModel model, IDeviceLimits limits, int prompt, int decode)
    {
        var prefill = model.Prefill(prompt);
        var before = limits.MemoryBandwidth();
        var seconds = model.Decode(decode);
        return (prefill, seconds, (before + limits.MemoryBandwidth()) / 2);
    }
}
