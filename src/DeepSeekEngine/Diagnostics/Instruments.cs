using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DeepSeekEngine.Diagnostics;

/// <summary>
/// The library's activity source and its instruments, all named in <see cref="Name"/>. What OpenTelemetry's conventions for generative AI
/// have a name for bears it; the rest begins with <c>deepseek_engine.</c>. Shares, as of the prompt tokens that were cached or the drafts
/// that were right, are quotients of two counters, so that they stay right when they are summed over requests and processes.
/// </summary>
internal static class Instruments
{
    /// <summary>What listeners subscribe to.</summary>
    public const string Name = "DeepSeekEngine";

    private static readonly string? Version = typeof(Instruments).Assembly.GetName().Version?.ToString(3);
    private static readonly Meter Meter = new(Name, Version);

    public static readonly ActivitySource Activities = new(Name, Version);

    // The boundaries of the first three are those the conventions advise.
    public static readonly Histogram<double> RequestDuration = Seconds(
        "gen_ai.server.request.duration", "Time from a request to its last token, or to its failure.",
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92);

    public static readonly Histogram<double> TimePerOutputToken = Seconds(
        "gen_ai.server.time_per_output_token", "Time per output token after the first, of completed requests.",
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5);

    public static readonly Histogram<double> TimeToFirstToken = Seconds(
        "gen_ai.server.time_to_first_token", "Time from a request to its first token, of completed requests.",
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10);

    public static readonly Histogram<double> QueueDuration = Seconds(
        "deepseek_engine.request.queue.duration", "Time a completed request waited for others before it was begun.",
        0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60);

    // Not gen_ai.client.token.usage: a chat client around the model counts under that name, and each token would be there twice.
    public static readonly Counter<long> InputTokens = Tokens("deepseek_engine.tokens.input", "Prompt tokens of completed requests.");

    public static readonly Counter<long> CachedTokens = Tokens(
        "deepseek_engine.tokens.cached", "Prompt tokens of completed requests that the cache held and were not computed.");

    public static readonly Counter<long> OutputTokens = Tokens("deepseek_engine.tokens.output", "Produced tokens of completed requests.");

    public static readonly Counter<long> ReasoningTokens = Tokens(
        "deepseek_engine.tokens.reasoning", "Produced tokens of completed requests that are reasoning.");

    public static readonly Counter<long> DraftedTokens = Tokens(
        "deepseek_engine.tokens.drafted", "Guesses at a next token that were verified, of completed requests.");

    public static readonly Counter<long> AcceptedTokens = Tokens(
        "deepseek_engine.tokens.accepted", "Guesses at a next token that were right, of completed requests.");

    public static readonly Counter<long> Preemptions = Meter.CreateCounter<long>(
        "deepseek_engine.preemptions", "{preemption}", "Times a request gave up its cache for one that came before it.");

    public static readonly Histogram<int> StepRequests = PerStep("deepseek_engine.step.requests", "{request}", "Requests computed together in a step.");

    public static readonly Histogram<int> StepTokens = PerStep("deepseek_engine.step.tokens", "{token}", "Tokens computed together in a step.");

    static Instruments()
    {
        Meter.CreateObservableUpDownCounter(
            "deepseek_engine.requests.running", () => EngineTelemetry.Observe(load => (long)load.Running), "{request}", "Requests being computed.");
        Meter.CreateObservableUpDownCounter(
            "deepseek_engine.requests.waiting", () => EngineTelemetry.Observe(load => load.Waiting), "{request}",
            "Requests that wait for their first turn.");
        Meter.CreateObservableGauge(
            "deepseek_engine.cache.utilization", () => EngineTelemetry.Observe(load => load.CacheUtilization), "1",
            "Share of the cache that requests in progress hold.");
    }

    private static Histogram<double> Seconds(string name, string description, params double[] boundaries)
        => Meter.CreateHistogram(name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });

    private static Counter<long> Tokens(string name, string description) => Meter.CreateCounter<long>(name, "{token}", description);

    private static Histogram<int> PerStep(string name, string unit, string description)
        => Meter.CreateHistogram(
            name, unit, description, tags: null,
            new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] });
}
