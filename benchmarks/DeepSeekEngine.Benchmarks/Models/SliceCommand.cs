using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>
/// A model too large for the device, from slices of it at true widths: one with a dense and a MoE layer, one with a dense layer more and
/// one with as many MoE layers as fit give what a layer of each kind takes, and what is left: <c>--device --shape --dense 3 --moe 58
/// --format --context --prompt --decode --rounds --most</c>. The layers of the whole are R1's unless said otherwise.
/// </summary>
internal static class SliceCommand
{
    /// <summary>The part of free memory that weights may fill: compilers and the like want some.</summary>
    private const double Usable = 0.95;

    public static void Run(Options arguments)
    {
        var (dense, moe) = (arguments.Number("dense", 3), arguments.Number("moe", 58));
        using var backend = BenchmarkDevice.Open(arguments, "cuda");
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        var table = new MarkdownTable(
            "model", "format", "MoE layers measured", "context", "dense layer ms", "MoE layer ms", "rest ms",
            $"prefill {prompt} t/s of {dense + moe} layers", "dense layer ms", "MoE layer ms", "rest ms",
            $"decode {decode} t/s of {dense + moe} layers");
        foreach (var shape in arguments.List("shape", "r1"))
        {
            foreach (var format in arguments.Names<WeightEncoding>("format", nameof(WeightEncoding.F8E4M3)))
            {
                AddRows(table, arguments, backend, shape, format, dense, moe);
            }
        }

        Report.Write(
            arguments, "slice",
            [
                $"On {backend.DeviceName}. Extrapolated to {dense} dense and {moe} MoE layers from medians of slices; the rest is embedding, head "
                + "and whatever a step takes besides its layers. Milliseconds are of a prefill on the left and of a token on the right.",
            ],
            table, backend is SimdBackend ? null : backend.DeviceName);
    }

    private static void AddRows(
        MarkdownTable table, Options arguments, IBackend backend, string shape, WeightEncoding format, int dense, int moe)
    {
        var contexts = arguments.Numbers("context", "0");
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        try
        {
            var before = backend.AvailableBytes;
            int most;
            Times[] one;
            using (var model = Create(1, 1))
            {
                var used = before - backend.AvailableBytes;
                var more = (long)((before * Usable) - used) / model.LayerBytes(1);
                most = (int)Math.Min(more + 1, arguments.Number("most", moe));
                one = Measure(model);
            }

            if (most < 2)
            {
                table.Add(shape, $"{format}", "two do not fit", "", "", "", "", "", "", "", "", "");
                return;
            }

            var (twoDense, several) = (MeasureSlice(2, 1), MeasureSlice(1, most));
            for (var i = 0; i < contexts.Length; i++)
            {
                var (denseLayer, moeLayer, rest) = Parts(one[i], twoDense[i], several[i], most);
                var whole = rest + (denseLayer * dense) + (moeLayer * moe);
                table.Add(
                    shape, $"{format}", $"{most}", $"{contexts[i]}",
                    $"{denseLayer.Prefill * 1e3:F2}", $"{moeLayer.Prefill * 1e3:F2}", $"{rest.Prefill * 1e3:F2}", $"{prompt / whole.Prefill:F1}",
                    $"{denseLayer.Decode * 1e3:F3}", $"{moeLayer.Decode * 1e3:F3}", $"{rest.Decode * 1e3:F3}", $"{1 / whole.Decode:F2}");
            }
        }
        catch (NotEnoughMemoryException exception)
        {
            table.Add(
                shape, $"{format}", $"lacks {(exception.RequiredBytes - exception.AvailableBytes) / 1e9:F2} GB",
                "", "", "", "", "", "", "", "", "");
        }

        SyntheticModel Create(int denseLayers, int moeLayers)
        {
            ModelConfig config = Shapes.Of(shape, denseLayers + moeLayers) with { FirstMoeLayer = denseLayers };
            return new SyntheticModel(backend, config, format, prompt, contexts.Max() + Math.Max(prompt, decode));
        }

        Times[] MeasureSlice(int denseLayers, int moeLayers)
        {
            using var model = Create(denseLayers, moeLayers);
            return Measure(model);
        }

        Times[] Measure(SyntheticModel model) => [.. contexts.Select(context =>
        {
            model.SetContext(context);
            model.Decode(Math.Min(4, decode));
            var samples = Enumerable.Range(0, arguments.Number("rounds", 5))
                .Select(_ => new Times(model.Prefill(prompt), model.Decode(decode) / decode)).ToArray();
            return new Times(Statistics.Median(samples.Select(s => s.Prefill)), Statistics.Median(samples.Select(s => s.Decode)));
        })];
    }

    /// <summary>What a layer of each kind takes, and the rest.</summary>
    /// <param name="one">What a dense and a MoE layer take, with the rest.</param>
    /// <param name="twoDense">The same with a dense layer more.</param>
    /// <param name="several">The same as the first with <paramref name="moeLayers"/> MoE layers.</param>
    internal static (Times Dense, Times Moe, Times Remainder) Parts(Times one, Times twoDense, Times several, int moeLayers)
    {
        var dense = twoDense - one;
        var moe = (several - one) / (moeLayers - 1);
        return (dense, moe, one - dense - moe);
    }

    /// <summary>Seconds of a prefill and of a token decoded.</summary>
    internal readonly record struct Times(double Prefill, double Decode)
    {
        public static Times operator +(Times a, Times b) => new(a.Prefill + b.Prefill, a.Decode + b.Decode);

        public static Times operator -(Times a, Times b) => new(a.Prefill - b.Prefill, a.Decode - b.Decode);

        public static Times operator *(Times a, double factor) => new(a.Prefill * factor, a.Decode * factor);

        public static Times operator /(Times a, double divisor) => new(a.Prefill / divisor, a.Decode / divisor);
    }
}
