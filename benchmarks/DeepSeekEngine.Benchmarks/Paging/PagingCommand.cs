using System.Diagnostics;
using System.Globalization;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Models;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Benchmarks.Paging;

/// <summary>
/// Steps over mapped checkpoints, with and without announcing the chosen experts to the system: <c>--model DIRECTORY,... --memory TEXT
/// --prompt --decode --rounds --threads</c>. It is for the caller to limit memory, which is only named here, and to see to it that the files
/// are not in memory, as benchmarks/paging/run.sh does.
/// With <c>--write DIRECTORY</c> it writes the checkpoints instead: bf16, and int4 packed from it.
/// </summary>
internal static class PagingCommand
{
    private const string Note =
        "Medians of the rounds. Two models share one mapping and take turns, the one that begins alternating; tokens are random, and with "
        + "them the experts. Disk MB are what the process had read from the disk for a token. Speed-up is the median over the rounds.";

    private const int LaterLoads = 5;

    public static void Run(Options arguments)
    {
        if (arguments.Value("write") is { } directory)
        {
            Write(directory);
            return;
        }

        var table = new MarkdownTable(
            "checkpoint", "GB", "memory", "step", "t/s", "announced t/s", "speed-up", "disk MB", "announced disk MB");
        var notes = new List<string> { Note };
        foreach (var path in arguments.List("model", ""))
        {
            var first = Load(path);
            var later = Statistics.Median(Enumerable.Range(0, LaterLoads).Select(_ => Load(path)));
            notes.Add(
                $"LoadAsync of {Path.GetFileName(path)}: {first * 1e3:F0} ms the first time in the process, which reads the header and compiles, then "
                + $"{later * 1e3:F0} ms.");
            Measure(arguments, path, table);
        }

        Report.Write(arguments, "paging", notes, table);
    }

    /// <summary>Four layers of V3's architecture at V2-Lite's widths, one of them dense: 17 MB an expert in bf16, 64 of them a layer.</summary>
    private static void Write(string directory)
    {
        var stored = Path.Combine(directory, "bf16");
        Directory.CreateDirectory(stored);
        SyntheticCheckpoint.Write(
            stored, ("num_hidden_layers", 4), ("hidden_size", 2048), ("intermediate_size", 11264), ("moe_intermediate_size", 1408),
            ("n_routed_experts", 64), ("num_experts_per_tok", 6), ("n_group", 1), ("topk_group", 1), ("n_shared_experts", 2),
            ("num_attention_heads", 16), ("kv_lora_rank", 512), ("q_lora_rank", 1536), ("qk_nope_head_dim", 128),
            ("qk_rope_head_dim", 64), ("v_head_dim", 128));
        ModelPacker.PackAsync(stored, Path.Combine(directory, "int4"), WeightFormat.Int4).GetAwaiter().GetResult();
    }

    private static void Measure(Options arguments, string path, MarkdownTable table)
    {
        var (prompt, decode) = (arguments.Number("prompt", 64), arguments.Number("decode", 32));
        var config = ModelConfigReader.Read(path);
        using var backend = SimdBackend.Fastest(arguments.Number("threads", 0));
        using var checkpoint = Checkpoint.Open(path, config.Fp8);
        using var plain = Create(isPaged: false, seed: 1);
        using var announced = Create(isPaged: true, seed: 2);
        foreach (var (step, run, tokens) in new (string, Func<TimedTransformer, int, double>, int)[]
        {
            ($"prefill {prompt}", (model, count) => model.Prefill(count), prompt),
            ($"decode {decode}", (model, count) => model.Decode(count), decode),
        })
        {
            // The first turn of each finds other pages in memory than it leaves, and is not counted.
            _ = Turn(announced, run, tokens);
            _ = Turn(plain, run, tokens);
            var samples = Enumerable.Range(0, arguments.Number("rounds", 5)).Select(round =>
            {
                var begins = round % 2 == 0 ? Turn(plain, run, tokens) : default;
                var other = Turn(announced, run, tokens);
                return (Plain: round % 2 == 0 ? begins : Turn(plain, run, tokens), Announced: other);
            }).ToList();
            table.Add(
                Path.GetFileName(path), $"{checkpoint.TotalBytes / 1e9:F2}", arguments.Text("memory", "all"), step,
                $"{1 / Statistics.Median(samples.Select(sample => sample.Plain.Seconds)):F2}",
                $"{1 / Statistics.Median(samples.Select(sample => sample.Announced.Seconds)):F2}",
                $"{Statistics.Median(samples.Select(sample => sample.Plain.Seconds / sample.Announced.Seconds)):F2}",
                $"{Statistics.Median(samples.Select(sample => sample.Plain.DiskBytes)) / 1e6:F0}",
                $"{Statistics.Median(samples.Select(sample => sample.Announced.DiskBytes)) / 1e6:F0}");
        }

        TimedTransformer Create(bool isPaged, int seed)
        {
            checkpoint.IsPaged = isPaged;
            return new TimedTransformer(backend, checkpoint, config, prompt, Math.Max(prompt, decode), seed);
        }
    }

    /// <summary>What a token takes.</summary>
    private static (double Seconds, double DiskBytes) Turn(TimedTransformer model, Func<TimedTransformer, int, double> run, int tokens)
    {
        var before = DiskBytes();
        var seconds = run(model, tokens);
        return (seconds / tokens, (double)(DiskBytes() - before) / tokens);
    }

    private static double Load(string path)
    {
        var start = Stopwatch.GetTimestamp();
        var model = DeepSeekModel.LoadAsync(path, new EngineOptions { Device = Device.Cpu, ContextLength = 512 }).GetAwaiter().GetResult();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        model.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return seconds;
    }

    /// <summary>Bytes this process has had read from the disk, by read or by touching pages; 0 where the system does not tell.</summary>
    private static long DiskBytes()
    {
        const string field = "read_bytes:";
        const string file = "/proc/self/io";
        return File.Exists(file)
            ? long.Parse(File.ReadLines(file).First(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..], CultureInfo.InvariantCulture)
            : 0;
    }
}
