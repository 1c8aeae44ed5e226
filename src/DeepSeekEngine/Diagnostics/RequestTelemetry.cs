using System.Diagnostics;

namespace DeepSeekEngine.Diagnostics;

/// <summary>
/// What one request tells: an activity from its beginning to its end, and measurements at its end. Begun by the caller's thread, ended
/// once by the engine's.
/// </summary>
internal sealed class RequestTelemetry
{
    private readonly string _model;
    private readonly string _operation;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Activity? _activity;

    public RequestTelemetry(string model, string operation, GenerationOptions options)
    {
        _model = model;
        _operation = operation;
        if (!Instruments.Activities.HasListeners())
        {
            return;
        }

        // It ends on another thread, so it must not stay the caller's current one.
        var current = Activity.Current;
        _activity = Instruments.Activities.StartActivity(
            ActivityKind.Internal, name: $"{operation} {model}", tags: [.. Identity()]);
        Activity.Current = current;
        if (_activity is { IsAllDataRequested: true })
        {
            Describe(_activity, options);
        }
    }

    /// <summary>The response is complete.</summary>
    public void Finished(FinishReason reason, Usage usage)
    {
        TagList tags = new([.. Identity()]);
        Instruments.RequestDuration.Record(usage.Duration.TotalSeconds, tags);
        Instruments.TimeToFirstToken.Record(usage.TimeToFirstToken.TotalSeconds, tags);
        Instruments.QueueDuration.Record(usage.TimeInQueue.TotalSeconds, tags);
        if (usage.CompletionTokens > 1)
        {
            var afterFirst = usage.Duration - usage.TimeToFirstToken;
            Instruments.TimePerOutputToken.Record(afterFirst.TotalSeconds / (usage.CompletionTokens - 1), tags);
        }

        Instruments.InputTokens.Add(usage.PromptTokens, tags);
        Instruments.CachedTokens.Add(usage.CachedPromptTokens, tags);
        Instruments.OutputTokens.Add(usage.CompletionTokens, tags);
        Instruments.ReasoningTokens.Add(usage.ReasoningTokens, tags);
        Instruments.DraftedTokens.Add(usage.DraftedTokens, tags);
        Instruments.AcceptedTokens.Add(usage.AcceptedTokens, tags);

        if (_activity is not null)
        {
            _activity.SetTag(TelemetryTags.ResponseModel, _model);
            _activity.SetTag(TelemetryTags.ResponseFinishReasons, new[] { NameOf(reason) });
            _activity.SetTag(TelemetryTags.InputTokens, usage.PromptTokens);
            _activity.SetTag(TelemetryTags.CachedInputTokens, usage.CachedPromptTokens);
            _activity.SetTag(TelemetryTags.OutputTokens, usage.CompletionTokens);
            _activity.SetTag(TelemetryTags.ReasoningTokens, usage.ReasoningTokens);
            Stop(_activity);
        }
    }

    /// <summary>The response will not be completed: it was refused, cancelled, or failed.</summary>
    public void Failed(Exception exception)
    {
        var type = exception.GetType().FullName;
        TagList tags = new([.. Identity(), new(TelemetryTags.ErrorType, type)]);
        Instruments.RequestDuration.Record(Stopwatch.GetElapsedTime(_started).TotalSeconds, tags);
        if (_activity is not null)
        {
            _activity.SetTag(TelemetryTags.ErrorType, type);
            _activity.SetStatus(ActivityStatusCode.Error, exception.Message);
            Stop(_activity);
        }
    }

    private static string NameOf(FinishReason reason) => reason switch
    {
        FinishReason.EndOfText or FinishReason.StopSequence => "stop",
        FinishReason.ToolCalls => "tool_calls",
        _ => "length",
    };

    private static void Stop(Activity activity)
    {
        // Stopping makes the parent current, which belongs to the caller's thread and not to this one.
        var current = Activity.Current;
        activity.Stop();
        Activity.Current = current;
    }

    private static void Describe(Activity activity, GenerationOptions options)
    {
        // A tag that is null is not added.
        activity.SetTag(TelemetryTags.RequestMaxTokens, options.MaxTokens);
        activity.SetTag(TelemetryTags.RequestTemperature, options.Temperature);
        activity.SetTag(TelemetryTags.RequestTopP, options.TopP);
        activity.SetTag(TelemetryTags.RequestTopK, options.TopK);
        activity.SetTag(TelemetryTags.RequestFrequencyPenalty, options.FrequencyPenalty);
        activity.SetTag(TelemetryTags.RequestPresencePenalty, options.PresencePenalty);
        activity.SetTag(TelemetryTags.RequestSeed, options.Seed);
        activity.SetTag(TelemetryTags.RequestStopSequences, options.StopSequences?.ToArray());
    }

    private KeyValuePair<string, object?>[] Identity() =>
    [
        new(TelemetryTags.OperationName, _operation),
        new(TelemetryTags.ProviderName, TelemetryTags.Provider),
        new(TelemetryTags.RequestModel, _model),
    ];
}
