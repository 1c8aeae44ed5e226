using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Diagnostics;

/// <summary>Requests and steps tell what they do, to whom listens.</summary>
[NonParallelizable]
public sealed class TelemetryTests
{
    private static readonly EngineOptions Cpu = new() { Device = Device.Cpu };
    private static readonly GenerationOptions Greedy = new() { Temperature = 0 };

    [Test]
    public async Task A_request_is_an_activity_of_its_caller()
    {
        using var recorder = new ActivityRecorder();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        using var caller = new Activity("caller").Start();
        var result = await model.GenerateAsync("What is 47 + 58?", Greedy with { Seed = 5, StopSequences = ["!"], MaxTokens = 300 });
        Assert.That(Activity.Current, Is.SameAs(caller));

        var activity = recorder.Of(caller).Single();
        Assert.That(activity.DisplayName, Is.EqualTo("chat tiny-r1"));
        Assert.That(activity.ParentSpanId, Is.EqualTo(caller.SpanId));
        Assert.That(activity.Kind, Is.EqualTo(ActivityKind.Internal), "as the conventions have it for a model in the same process");
        Assert.That(activity.Status, Is.EqualTo(ActivityStatusCode.Unset));
        var expected = new Dictionary<string, object?>
        {
            ["gen_ai.operation.name"] = "chat",
            ["gen_ai.provider.name"] = "deepseek_engine",
            ["gen_ai.request.model"] = "tiny-r1",
            ["gen_ai.response.model"] = "tiny-r1",
            ["gen_ai.request.temperature"] = 0f,
            ["gen_ai.request.seed"] = 5L,
            ["gen_ai.request.max_tokens"] = 300,
            ["gen_ai.request.stop_sequences"] = new[] { "!" },
            ["gen_ai.usage.input_tokens"] = result.Usage.PromptTokens,
            ["gen_ai.usage.cache_read.input_tokens"] = result.Usage.CachedPromptTokens,
            ["gen_ai.usage.output_tokens"] = result.Usage.CompletionTokens,
            ["gen_ai.usage.reasoning.output_tokens"] = result.Usage.ReasoningTokens,
            ["gen_ai.response.finish_reasons"] = new[] { "stop" },
        };
        Assert.That(activity.TagObjects.ToDictionary(), Is.EquivalentTo(expected));

        await model.GenerateAsync(RawPrompt.FromText("1 + 1"), Greedy with { MaxTokens = 1 });
        var raw = recorder.Of(caller).Last();
        Assert.That(raw.DisplayName, Is.EqualTo("text_completion tiny-r1"));
        Assert.That(raw.GetTagItem("gen_ai.response.finish_reasons"), Is.EqualTo(new[] { "length" }));
    }

    [Test]
    public async Task What_fails_or_is_cancelled_says_so()
    {
        using var recorder = new ActivityRecorder();
        using var meter = new MeterRecorder();
        using var caller = new Activity("caller").Start();
        await using (var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu))
        {
            await foreach (var chunk in model.StreamAsync("What is 12345 + 54321?"))
            {
                break;
            }
        }

        // Disposal waits for the engine, which has seen the cancellation or was stopped before it could.
        var activity = recorder.Of(caller).Single();
        Assert.That(activity.Status, Is.EqualTo(ActivityStatusCode.Error));
        var type = (string?)activity.GetTagItem("error.type");
        Assert.That(type, Is.EqualTo(typeof(OperationCanceledException).FullName).Or.EqualTo(typeof(ObjectDisposedException).FullName));
        Assert.That(meter.Of("gen_ai.server.request.duration").Single().Tags["error.type"], Is.EqualTo(type));
        Assert.That(meter.Of("gen_ai.server.time_to_first_token"), Is.Empty);
    }

    [Test]
    public async Task A_refused_request_says_so()
    {
        using var recorder = new ActivityRecorder();
        using var caller = new Activity("caller").Start();
        var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        await model.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync("What is 1 + 1?"));
        Assert.That(recorder.Of(caller).Single().GetTagItem("error.type"), Is.EqualTo(typeof(ObjectDisposedException).FullName));
    }

    [Test]
    public async Task A_request_is_measured_when_it_ends()
    {
        using var meter = new MeterRecorder();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu with { SpeculativeDecoding = true });
        var usage = (await model.GenerateAsync("What is 47 + 58?", Greedy)).Usage;
        var identity = new Dictionary<string, object?>
        {
            ["gen_ai.operation.name"] = "chat", ["gen_ai.provider.name"] = "deepseek_engine", ["gen_ai.request.model"] = "tiny-r1",
        };
        AssertOnly("gen_ai.server.request.duration", usage.Duration.TotalSeconds);
        AssertOnly("gen_ai.server.time_to_first_token", usage.TimeToFirstToken.TotalSeconds);
        AssertOnly("gen_ai.server.time_per_output_token", 1 / usage.TokensPerSecond);
        AssertOnly("deepseek_engine.request.queue.duration", usage.TimeInQueue.TotalSeconds);
        AssertOnly("deepseek_engine.tokens.input", usage.PromptTokens);
        AssertOnly("deepseek_engine.tokens.cached", usage.CachedPromptTokens);
        AssertOnly("deepseek_engine.tokens.output", usage.CompletionTokens);
        AssertOnly("deepseek_engine.tokens.reasoning", usage.ReasoningTokens);
        AssertOnly("deepseek_engine.tokens.drafted", usage.DraftedTokens);
        AssertOnly("deepseek_engine.tokens.accepted", usage.AcceptedTokens);
        Assert.That(usage.AcceptedTokens, Is.Positive);

        void AssertOnly(string instrument, double value)
        {
            var (measured, tags) = meter.Of(instrument).Single();
            Assert.That(measured, Is.EqualTo(value).Within(1e-9), instrument);
            Assert.That(tags, Is.EquivalentTo(identity), instrument);
        }
    }

    [Test]
    public async Task Steps_and_load_are_measured()
    {
        using var meter = new MeterRecorder();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu with { MaxConcurrentRequests = 2 });
        using var cancellation = new CancellationTokenSource();
        var streams = Enumerable.Range(0, 3)
            .Select(i => model.StreamAsync($"What is 12345 + 5432{i}?", Greedy, cancellation.Token).GetAsyncEnumerator()).ToList();
        var pieces = streams.Select(s => s.MoveNextAsync().AsTask()).ToList();
        await Task.WhenAny(pieces);
        meter.Observe();
        Assert.That(meter.Of("deepseek_engine.requests.running").Max(m => m.Value), Is.InRange(1, 2));
        Assert.That(meter.Of("deepseek_engine.requests.waiting").Max(m => m.Value), Is.InRange(0, 2));
        Assert.That(meter.Of("deepseek_engine.cache.utilization").Max(m => m.Value), Is.GreaterThan(0).And.LessThanOrEqualTo(1));
        await Task.WhenAll(pieces);
        await cancellation.CancelAsync();
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }

        await model.GenerateAsync("What is 1 + 1?", Greedy);
        Assert.That(meter.Of("deepseek_engine.step.requests").Max(m => m.Value), Is.EqualTo(2));
        Assert.That(meter.Of("deepseek_engine.step.tokens").Max(m => m.Value), Is.GreaterThan(2));
        await model.DisposeAsync();
        meter.Clear();
        meter.Observe();
        Assert.That(meter.Of("deepseek_engine.requests.running"), Is.Empty, "a model that is gone is not observed");
    }

    [Test]
    public async Task Preemptions_are_counted()
    {
        using var meter = new MeterRecorder();
        var small = Cpu with { ContextLength = 128, CacheTokens = 128, MaxConcurrentRequests = 4, SpeculativeDecoding = false };
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, small);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => model.GenerateAsync($"What is {i} + 99?", Greedy)));
        Assert.That(model.Loaded.Engine.Preemptions, Is.Positive);
        Assert.That(meter.Of("deepseek_engine.preemptions").Sum(m => m.Value), Is.EqualTo(model.Loaded.Engine.Preemptions));
    }

    [Test]
    public async Task The_share_of_a_prompt_that_was_cached_can_be_told()
    {
        using var meter = new MeterRecorder();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        await model.GenerateAsync("What is 47 + 58 + 1234567?", Greedy with { MaxTokens = 2 });
        await model.GenerateAsync("What is 47 + 58 + 1234567?", Greedy with { MaxTokens = 2 });
        var input = meter.Of("deepseek_engine.tokens.input").Select(m => m.Value).ToList();
        Assert.That(meter.Of("deepseek_engine.tokens.cached").Select(m => m.Value), Is.EqualTo(new[] { 0, ((int)input[1] - 1) / 16 * 16 }));
        Assert.That(input[1], Is.GreaterThan(16));
    }

    [Test]
    public void Instruments_are_named_as_dashboards_know_them()
    {
        // Names and units are a contract: another one breaks whatever is built on them. Each has a test of its values here.
        var published = new List<(string, string?)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == Instruments.Name)
                {
                    published.Add((instrument.Name, instrument.Unit));
                    Assert.That(instrument.Description, Is.Not.Empty, instrument.Name);
                }
            },
        };
        _ = Instruments.StepTokens;
        listener.Start();
        (string, string?)[] known =
        [
            ("gen_ai.server.request.duration", "s"), ("gen_ai.server.time_to_first_token", "s"), ("gen_ai.server.time_per_output_token", "s"),
            ("deepseek_engine.request.queue.duration", "s"), ("deepseek_engine.tokens.input", "{token}"),
            ("deepseek_engine.tokens.cached", "{token}"), ("deepseek_engine.tokens.output", "{token}"),
            ("deepseek_engine.tokens.reasoning", "{token}"), ("deepseek_engine.tokens.drafted", "{token}"),
            ("deepseek_engine.tokens.accepted", "{token}"), ("deepseek_engine.preemptions", "{preemption}"),
            ("deepseek_engine.step.requests", "{request}"), ("deepseek_engine.step.tokens", "{token}"),
            ("deepseek_engine.requests.running", "{request}"), ("deepseek_engine.requests.waiting", "{request}"),
            ("deepseek_engine.cache.utilization", "1"),
        ];
        Assert.That(published, Is.EquivalentTo(known));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_step_allocates_nothing_to_be_measured(bool listening)
    {
        using var telemetry = new EngineTelemetry("none", () => default);
        using var listener = new MeterListener { InstrumentPublished = (instrument, l) => l.EnableMeasurementEvents(instrument) };
        if (listening)
        {
            listener.Start();
        }

        telemetry.Step(1, 1, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            telemetry.Step(3, 5, i);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private sealed class ActivityRecorder : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _stopped = new();
        private readonly ActivityListener _listener;

        public ActivityRecorder()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == Instruments.Name,
                Sample = (ref _) => ActivitySamplingResult.AllData,
                ActivityStopped = _stopped.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public IEnumerable<Activity> Of(Activity caller) => _stopped.Where(a => a.TraceId == caller.TraceId);

        public void Dispose() => _listener.Dispose();
    }

    private sealed class MeterRecorder : IDisposable
    {
        private readonly ConcurrentQueue<(string Instrument, double Value, Dictionary<string, object?> Tags)> _measured = new();
        private readonly MeterListener _listener = new();

        public MeterRecorder()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == Instruments.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
            _listener.Start();
        }

        public IEnumerable<(double Value, Dictionary<string, object?> Tags)> Of(string instrument)
            => _measured.Where(m => m.Instrument == instrument).Select(m => (m.Value, m.Tags));

        public void Observe() => _listener.RecordObservableInstruments();

        public void Clear() => _measured.Clear();

        public void Dispose() => _listener.Dispose();

        private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
            => _measured.Enqueue((instrument.Name, value, tags.ToArray().ToDictionary()));
    }
}
