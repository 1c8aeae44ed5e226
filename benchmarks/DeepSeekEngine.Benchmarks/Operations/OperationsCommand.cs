using System.Diagnostics;
using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Operations;

/// <summary>
/// Each operation of a step alone, at V2-Lite's widths: <c>--op linear,experts,attention,expanded,elements --format --tokens --context
/// --rounds --threads</c>.
/// </summary>
internal static class OperationsCommand
{
    private const double MeasuredSeconds = 0.1;
    private const string Note =
        "Medians. % of limit is the median ratio to the slower of reading the operation's bytes and doing its arithmetic, at the rates "
        + "measured around it; the arithmetic of packed weights counts against that of eight-bit integers, of BF16 and FP8 against bfloat16.";

    public static void Run(Options arguments)
    {
        var rounds = arguments.Number("rounds", 5);
        using var limits = new MachineLimits(arguments.Number("threads", 0), 256L << 20);
        var table = new MarkdownTable("operation", "format", "tokens", "time us", "GB/s", "GFLOP/s", "limit GB/s", "limit GFLOP/s", "% of limit");
        foreach (var kind in arguments.List("op", "linear,experts,attention,expanded,elements"))
        {
            foreach (var format in kind is "linear" or "experts"
                ? arguments.Names<WeightEncoding>("format", "F32,F16,BF16,F8E4M3,Int8,Int4")
                : [WeightEncoding.F32])
            {
                using var set = OperationSet.Of(
                    kind, format, arguments.Numbers("tokens", "1,16,128,512"), arguments.Numbers("context", "128,4096,16384,32768"),
                    arguments.Number("threads", 0));
                foreach (var operation in set.Operations)
                {
                    table.Add(Measure(operation, limits, rounds));
                }
            }
        }

        Report.Write(arguments, "ops", [Note], table);
    }

    private static string[] Measure(Operation operation, MachineLimits limits, int rounds)
    {
        // As many calls as are long enough to be timed, once what they are compiled to is final.
        var calls = (int)Math.Max(1, MeasuredSeconds / Seconds(operation, 1));
        calls = (int)Math.Max(1, calls * MeasuredSeconds / Seconds(operation, calls));
        var samples = Enumerable.Range(0, rounds).Select(_ =>
        {
            var before = Rates();
            var seconds = Seconds(operation, calls) / calls;
            var after = Rates();
            var (read, arithmetic) = ((before.Read + after.Read) / 2, (before.Arithmetic + after.Arithmetic) / 2);
            return (Seconds: seconds, Read: read, Arithmetic: arithmetic,
                Limit: Math.Max(operation.Bytes / read, operation.Arithmetic / arithmetic) / seconds);
        }).ToArray();
        var time = Statistics.Median(samples.Select(s => s.Seconds));
        return
        [
            operation.Name, operation.Format, $"{operation.Tokens}", $"{time * 1e6:F1}",
            $"{operation.Bytes / time / 1e9:F1}", $"{operation.Arithmetic / time / 1e9:F1}",
            $"{Statistics.Median(samples.Select(s => s.Read)) / 1e9:F1}", $"{Statistics.Median(samples.Select(s => s.Arithmetic)) / 1e9:F0}",
            $"{Statistics.Median(samples.Select(s => s.Limit)):P0}",
        ];

        (double Read, double Arithmetic) Rates()
            => (limits.ReadBandwidth(), operation.On switch
            {
                Operands.Int8 => limits.ByteOperations(),
                Operands.BFloat16 => limits.BFloat16Operations(),
                _ => limits.FloatOperations(),
            });
    }

    private static double Seconds(Operation operation, int calls)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++)
        {
            operation.Run();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
