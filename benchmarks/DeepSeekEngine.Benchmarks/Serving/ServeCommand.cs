using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Benchmarks.Serving;

/// <summary>
/// Many requests at once, and what drafts by multi-token prediction bring: <c>--model tiny-r1|synthetic|DIRECTORY --concurrent --drafts
/// never,always,auto --prompt --tokens --requests --rounds --threads --weights</c>. Rounds go through every case in turn, so that a
/// machine that changes its speed does so for all of them.
/// </summary>
internal static class ServeCommand
{
    private const string Note =
        "Medians of the rounds; percentiles are over the requests of a round. Each of so many clients sends its next request when it has "
        + "the answer to the last. Time to first token begins with the request. Speed-up is of the tokens a second against never drafting, in "
        + "the same round.";

    public static void Run(Options arguments) => RunAsync(arguments).GetAwaiter().GetResult();

    private static async Task RunAsync(Options arguments)
    {
        using var synthetic = new SyntheticDirectory();
        var name = arguments.Text("model", "synthetic");
        var directory = name switch
        {
            "synthetic" => synthetic.Path,
            "tiny-r1" => TestPaths.TinyR1,
            _ => name,
        };
        var concurrent = arguments.Numbers("concurrent", "1,4,16,64");
        var (tokens, requests) = (arguments.Number("tokens", 64), arguments.Number("requests", 64));
        var prompt = arguments.Number("prompt", 0);
        var engines = new List<(string Drafts, DeepSeekModel Model)>();
        try
        {
            foreach (var drafts in arguments.List("drafts", "never"))
            {
                engines.Add((drafts, await DeepSeekModel.LoadAsync(directory, new EngineOptions
                {
                    Device = Device.Cpu,
                    ContextLength = 512,
                    CacheTokens = 512 * concurrent.Max(),
                    MaxConcurrentRequests = concurrent.Max(),
                    Threads = arguments.Value("threads") is null ? null : arguments.Number("threads", 0),
                    Weights = arguments.Names<WeightFormat>("weights", nameof(WeightFormat.AsStored))[0],
                    SpeculativeDecoding = drafts switch
                    {
                        "never" => false,
                        "always" => true,
                        "auto" => null,
                        _ => throw new ArgumentException($"There is no way to draft '{drafts}'; there are never, always and auto."),
                    },
                })));
            }

            var cases = concurrent.SelectMany(clients => engines.Select(engine => new Case(clients, engine.Drafts, engine.Model, []))).ToList();
            var seed = 0;
            foreach (var (_, model) in engines)
            {
                await Load.RunAsync(model, concurrent.Max(), requests, prompt, tokens, seed++);
            }

            for (var round = 0; round < arguments.Number("rounds", 3); round++)
            {
                foreach (var one in cases)
                {
                    // The same requests for every way to draft, and never one that a cache has seen.
                    one.Results.Add(await Load.RunAsync(
                        one.Model, one.Clients, Math.Max(requests, one.Clients), prompt, tokens, (1000 * (round + 1)) + one.Clients));
                }
            }

            Report.Write(arguments, "serve", [Note], Table(name, cases));
        }
        finally
        {
            foreach (var (_, model) in engines)
            {
                await model.DisposeAsync();
            }
        }
    }

    private static MarkdownTable Table(string name, List<Case> cases)
    {
        var table = new MarkdownTable(
            "model", "concurrent", "drafts", "tokens/s", "first token p50 ms", "p95 ms", "per token p50 ms", "p95 ms", "drafted", "accepted",
            "speed-up");
        foreach (var one in cases)
        {
            var plain = cases.Find(other => other.Clients == one.Clients && other.Drafts == "never");
            table.Add(
                name, $"{one.Clients}", one.Drafts, $"{Median(load => load.TokensPerSecond):F0}",
                $"{Median(load => load.FirstToken(0.5)):F1}", $"{Median(load => load.FirstToken(0.95)):F1}",
                $"{Median(load => load.PerToken(0.5)):F2}", $"{Median(load => load.PerToken(0.95)):F2}",
                $"{Median(load => load.DraftedShare):P0}", $"{Median(load => load.AcceptedShare):P0}",
                plain is null ? "" : $"{Statistics.Median(one.Results.Zip(plain.Results, (a, b) => a.TokensPerSecond / b.TokensPerSecond)):F2}");

            double Median(Func<Load, double> value) => Statistics.Median(one.Results.Select(value));
        }

        return table;
    }

    private sealed record Case(int Clients, string Drafts, DeepSeekModel Model, List<Load> Results);

    /// <summary>
    /// A checkpoint of the sample model's kind, large enough to be read from memory and not from the processor's caches. Its
    /// multi-token-prediction module is always right, which shows what drafting can bring at most.
    /// </summary>
    private sealed class SyntheticDirectory : IDisposable
    {
        private readonly Lazy<string> _path = new(Write);

        public string Path => _path.Value;

        public void Dispose()
        {
            if (_path.IsValueCreated)
            {
                Directory.Delete(Path, recursive: true);
            }
        }

        private static string Write()
        {
            var path = Directory.CreateTempSubdirectory("deepseek-engine-").FullName;
            SyntheticCheckpoint.Write(
                path, ("hidden_size", 512), ("intermediate_size", 2048), ("moe_intermediate_size", 384), ("n_routed_experts", 32),
                ("num_experts_per_tok", 4), ("num_attention_heads", 8), ("kv_lora_rank", 128), ("q_lora_rank", 256), ("num_hidden_layers", 8),
                ("num_nextn_predict_layers", 1));
            return path;
        }
    }
}
