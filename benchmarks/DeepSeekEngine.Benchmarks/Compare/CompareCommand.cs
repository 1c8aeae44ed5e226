using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// This library and llama.cpp on the same shape, taking turns: <c>--shape --layers --format ours:theirs,... --context --prompt --decode
/// --rounds --threads --pages --directory --llama</c>. <c>gguf</c> writes the files and benchmarks/llama/fetch.sh fetches llama.cpp.
/// </summary>
internal static class CompareCommand
{
    private const string Note =
        "Medians. Each engine runs in a process of its own with all weights in memory; the engines take turns, the probe reads memory "
        + "before and after every decoding. GB/s are bytes of weights a token reads over its time, in that engine's format; % of limit "
        + "is the median of their ratios to the probe.";

    public static void Run(Options arguments)
    {
        var contexts = arguments.Numbers("context", "0");
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 48));
        using var limits = new MachineLimits(arguments.Number("threads", 0));
        var table = new MarkdownTable(
            "model", "ours : llama.cpp", "context", $"prefill {prompt} ours", "theirs", "ratio", $"decode {decode} ours", "theirs", "ratio",
            "GB/s ours", "theirs", "probe", "% of limit ours", "theirs");
        foreach (var shape in arguments.List("shape", "mid9"))
        {
            foreach (var pair in arguments.List("format", "BF16:BF16,Int8:Q8_0,Int4:Q4_0").Select(pair => pair.Split(':')))
            {
                var ours = Enum.Parse<WeightEncoding>(pair[0], ignoreCase: true);
                var theirs = Enum.Parse<GgmlType>(pair[1], ignoreCase: true);
                using var contest = new Contest(arguments, shape, ours, theirs, contexts.Max() + Math.Max(prompt, decode));
                foreach (var context in contexts)
                {
                    var samples = contest.Run(limits, context, prompt, decode, arguments.Number("rounds", 3));
                    table.Add(Row($"{shape}", $"{ours} : {theirs}", context, prompt, decode, contest, samples));
                }
            }
        }

        Report.Write(arguments, "compare", [Note], table);
    }

    private static string[] Row(
        string shape, string formats, int context, int prompt, int decode, Contest contest, IReadOnlyList<(Sample Ours, Sample Theirs)> samples)
    {
        var (ourDecode, theirDecode) = (Rates(s => s.Ours.Decode), Rates(s => s.Theirs.Decode));
        return
        [
            shape, formats, $"{context}",
            $"{prompt * Rates(s => s.Ours.Prefill):F1}", $"{prompt * Rates(s => s.Theirs.Prefill):F1}", Ratio(s => s.Theirs.Prefill / s.Ours.Prefill),
            $"{decode * ourDecode:F2}", $"{decode * theirDecode:F2}", Ratio(s => s.Theirs.Decode / s.Ours.Decode),
            $"{contest.OurBytes * decode * ourDecode / 1e9:F1}", $"{contest.TheirBytes * decode * theirDecode / 1e9:F1}",
            $"{Statistics.Median(samples.SelectMany(s => new[] { s.Ours.Probe, s.Theirs.Probe })) / 1e9:F1}",
            $"{Statistics.Median(samples.Select(s => contest.OurBytes * decode / s.Ours.Decode / s.Ours.Probe)):P0}",
            $"{Statistics.Median(samples.Select(s => contest.TheirBytes * decode / s.Theirs.Decode / s.Theirs.Probe)):P0}",
        ];

        double Rates(Func<(Sample Ours, Sample Theirs), double> seconds) => 1 / Statistics.Median(samples.Select(seconds));

        string Ratio(Func<(Sample Ours, Sample Theirs), double> ratio) => $"{Statistics.Median(samples.Select(ratio)):F2}";
    }
}
