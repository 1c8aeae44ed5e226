namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>Prints the machine's limits, for one thread and for all.</summary>
internal static class LimitsCommand
{
    public static void Run(Options arguments)
    {
        var rounds = arguments.Number("rounds", 7);
        var table = new MarkdownTable("threads", "memory read GB/s", "float32 GFLOP/s", "bfloat16 GFLOP/s", $"int8 GOP/s ({ByteDotJob.Instructions})");
        int[] threads = [1, arguments.Number("threads", Environment.ProcessorCount)];
        foreach (var count in threads.Distinct())
        {
            using var limits = new MachineLimits(count);
            var samples = Enumerable.Range(0, rounds)
                .Select(_ => (Read: limits.MemoryBandwidth(), Float: limits.FloatOperations(), BFloat16: limits.BFloat16Operations(), Byte: limits.ByteOperations()))
                .ToArray();
            table.Add(
                $"{count}",
                Range(samples.Select(s => s.Read / 1e9)),
                Range(samples.Select(s => s.Float / 1e9)),
                Range(samples.Select(s => s.BFloat16 / 1e9)),
                Range(samples.Select(s => s.Byte / 1e9)));
        }

        Report.Write(arguments, "limits", [$"Median of {rounds} (least - most)."], table);

        static string Range(IEnumerable<double> values)
        {
            var sorted = values.Order().ToArray();
            return $"{Statistics.Median(sorted):F1} ({sorted[0]:F1} - {sorted[^1]:F1})";
        }
    }
}
