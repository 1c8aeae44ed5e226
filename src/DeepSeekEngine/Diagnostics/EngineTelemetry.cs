using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DeepSeekEngine.Diagnostics;

/// <summary>What one engine tells of its steps and its load. Allocates nothing while it runs, whether anyone listens or not.</summary>
internal sealed class EngineTelemetry : IDisposable
{
    private static readonly ConcurrentDictionary<EngineTelemetry, Func<EngineLoad>> Engines = new();

    private readonly KeyValuePair<string, object?> _model;
    private long _preemptions;

    /// <param name="model">The model's name.</param>
    /// <param name="load">Asked from any thread, while a listener observes.</param>
    public EngineTelemetry(string model, Func<EngineLoad> load)
    {
        Model = model;
        _model = new(TelemetryTags.RequestModel, model);
        Engines[this] = load;
    }

    public string Model { get; }

    /// <summary>A measurement of each engine that runs.</summary>
    public static IEnumerable<Measurement<T>> Observe<T>(Func<EngineLoad, T> value)
        where T : struct
        => Engines.Select(engine => new Measurement<T>(value(engine.Value()), engine.Key._model)).ToArray();

    /// <summary>Starts to tell of a request, as part of the caller's activity.</summary>
    public RequestTelemetry Request(string operation, GenerationOptions options) => new(Model, operation, options);

    /// <summary>A step was laid out.</summary>
    /// <param name="requests">Requests in it.</param>
    /// <param name="tokens">Tokens in it.</param>
    /// <param name="preemptions">Preemptions since the engine was made.</param>
    public void Step(int requests, int tokens, long preemptions)
    {
        if (preemptions != _preemptions)
        {
            Instruments.Preemptions.Add(preemptions - _preemptions, _model);
            _preemptions = preemptions;
        }

        if (tokens > 0)
        {
            Instruments.StepRequests.Record(requests, _model);
            Instruments.StepTokens.Record(tokens, _model);
        }
    }

    /// <summary>The engine is no more: nothing is observed of it.</summary>
    public void Dispose() => Engines.TryRemove(this, out _);
}

/// <summary>How busy an engine is.</summary>
/// <param name="Running">Requests being computed.</param>
/// <param name="Waiting">Requests that wait for their first turn.</param>
/// <param name="CacheUtilization">Share of the cache that requests hold, 0 to 1.</param>
internal readonly record struct EngineLoad(int Running, long Waiting, double CacheUtilization);
