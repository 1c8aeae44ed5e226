using System.Diagnostics;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Operations;

/// <summary>
/// Each operation of a step alone: <c>--op linear,experts,attention,expanded,elements,decode --shape --format --tokens --context
/// --rounds --milliseconds --device --threads --weights MB --probe MB</c>. Of those, decode is what a step of one token is made of.
/// </summary>
internal static class OperationsCommand
{
    /// <summary>Calls that are issued together as one record, as those of a decode step are.</summary>
    private const int RecordedCalls = 64;

    private const string ProcessorNote =
        "Medians. % of limit is the median ratio to the slower of reading the operation's bytes and doing its arithmetic, at the rates "
        + "measured around it; the arithmetic of packed weights counts against that of eight-bit integers, of BF16 and FP8 against bfloat16.";

    public static void Run(Options arguments)
    {
        var rounds = arguments.Number("rounds", 5);
        using var backend = BenchmarkDevice.Open(arguments);
        using var limits = BenchmarkDevice.LimitsOf(backend, arguments, probeMegabytes: 256);
        var config = Shapes.Of(arguments.Text("shape", "v2-lite"));
        var table = new MarkdownTable("operation", "format", "tokens", "time us", "GB/s", "GFLOP/s", "limit GB/s", "limit GFLOP/s", "% of limit");
        foreach (var kind in arguments.List("op", "linear,experts,attention,expanded,elements"))
        {
            foreach (var format in kind is "linear" or "experts" or "decode"
                ? arguments.Names<WeightEncoding>("format", "F32,F16,BF16,F8E4M3,Int8,Int4")
                : [WeightEncoding.F32])
            {
                using var set = OperationSet.Of(
                    backend, config, kind, format, arguments.Numbers("tokens", "1,16,128,512"),
                    arguments.Numbers("context", "128,4096,16384,32768"), (long)arguments.Number("weights", 512) << 20);
                foreach (var operation in set.Operations)
                {
                    table.Add(Measure(backend, operation, limits, rounds, arguments.Number("milliseconds", 100) / 1e3));
                }
            }
        }

        var isProcessor = backend is SimdBackend;
        var note = isProcessor
            ? ProcessorNote
            : $"On {backend.DeviceName}, at the widths of {arguments.Text("shape", "v2-lite")}. Medians; {limits.Probe} before and after each; "
            + "% of limit is the median ratio of the operation's bytes over its time to that. Calls are issued as a step's are, in records.";
        Report.Write(arguments, "ops", [note], table, isProcessor ? null : backend.DeviceName);
    }

    private static string[] Measure(IBackend backend, Operation operation, IDeviceLimits limits, int rounds, double longEnough)
    {
        // As many calls as are long enough to be timed, once what they are compiled to is final.
        var calls = (int)Math.Max(1, longEnough / Seconds(backend, operation, 1));
        calls = (int)Math.Max(1, calls * longEnough / Seconds(backend, operation, calls));
        var samples = Enumerable.Range(0, rounds).Select(_ =>
        {
            var before = Rates();
            var seconds = Seconds(backend, operation, calls) / calls;
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
            $"{Statistics.Median(samples.Select(s => s.Read)) / 1e9:F1}",
            double.IsFinite(samples[0].Arithmetic) ? $"{Statistics.Median(samples.Select(s => s.Arithmetic)) / 1e9:F0}" : "",
            $"{Statistics.Median(samples.Select(s => s.Limit)):P0}",
        ];

        (double Read, double Arithmetic) Rates()
            => (limits.MemoryBandwidth(), limits.Arithmetic(operation.On));
    }

    private static double Seconds(IBackend backend, Operation operation, int calls)
    {
        backend.Wait();
        var start = Stopwatch.GetTimestamp();
        var done = 0;
        for (; done + RecordedCalls <= calls; done += RecordedCalls)
        {
            backend.Repeat(new StepKey(operation, 1, 1, 0, 0), () => Issue(operation, RecordedCalls));
        }

        Issue(operation, calls - done);
        backend.Wait();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void Issue(Operation operation, int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            operation.Run();
        }
    }
}
