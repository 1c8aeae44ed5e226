using System.Collections.Concurrent;
using System.Diagnostics;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

/// <summary>What the abstractions offer to be put around a client works around this one, whole and piece by piece.</summary>
[NonParallelizable]
public sealed class MiddlewareTests
{
    private const string Question = "What is 47 + 58?";
    private const string Answer = "47 + 58 = 105";

    private DeepSeekModel _model;
    private ChatOptions _options;

    [OneTimeSetUp]
    public async Task Load() => _model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new() { Device = Device.Cpu });

    [OneTimeTearDown]
    public async Task Free() => await _model.DisposeAsync();

    [SetUp]
    public void SetUp() => _options = new() { Temperature = 0 };

    [Test]
    public async Task Telemetry_surrounds_the_engine_s_own([Values] bool streaming)
    {
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Outer" or "DeepSeekEngine",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var client = Builder().UseOpenTelemetry(sourceName: "Outer").Build();
        await AskAsync(client, streaming);

        var outer = activities.Single(a => a.Source.Name == "Outer");
        var inner = activities.Single(a => a.Source.Name == "DeepSeekEngine");
        Assert.That(inner.ParentSpanId, Is.EqualTo(outer.SpanId));
        Assert.That(outer.DisplayName, Is.EqualTo(inner.DisplayName));
        string[] same =
        [
            "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
        ];
        foreach (var tag in same)
        {
            Assert.That(outer.GetTagItem(tag), Is.EqualTo(inner.GetTagItem(tag)).And.Not.Null, tag);
        }
    }

    [Test]
    public async Task Logging_tells_of_the_messages([Values] bool streaming)
    {
        var log = new RecordingLogger();
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(log).SetMinimumLevel(LogLevel.Trace));
        using var client = Builder().UseLogging(loggers).Build();
        await AskAsync(client, streaming);
        Assert.That(log.Lines, Has.Some.Contains("invoked").And.Some.Contains("47 "));
        Assert.That(log.Lines, Has.Some.Contains("completed"));
    }

    [Test]
    public async Task A_cached_response_is_the_same_again([Values] bool streaming)
    {
        var cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        using var client = Builder().UseDistributedCache(cache).Build();
        var first = await AskAsync(client, streaming);
        var second = await AskAsync(client, streaming);
        Assert.That(second.ResponseId, Is.EqualTo(first.ResponseId), "it was not computed again");
        Assert.That(Contents(second), Is.EqualTo(Contents(first)), "reasoning and answer");
        Assert.That(second.FinishReason, Is.EqualTo(first.FinishReason).And.Not.Null);
        Assert.That(second.ModelId, Is.EqualTo(first.ModelId).And.Not.Null);
        Assert.That(second.Usage!.ReasoningTokenCount, Is.EqualTo(first.Usage!.ReasoningTokenCount).And.Positive);
        Assert.That(second.Usage.OutputTokenCount, Is.EqualTo(first.Usage.OutputTokenCount).And.Positive);

        _options.Seed = 1;
        Assert.That((await AskAsync(client, streaming)).ResponseId, Is.Not.EqualTo(first.ResponseId), "other options ask anew");
    }

    [Test]
    public async Task Function_invocation_lets_an_answer_pass([Values] bool streaming)
    {
        using var client = Builder().UseFunctionInvocation().Build();
        await AskAsync(client, streaming);
    }

    [Test]
    public async Task All_of_it_can_be_put_around_one_client([Values] bool streaming)
    {
        var cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(new RecordingLogger()));
        using var client = Builder()
            .UseDistributedCache(cache).UseFunctionInvocation().UseLogging(loggers).UseOpenTelemetry()
            .ConfigureOptions(options => options.MaxOutputTokens = 200).Build();
        Assert.That(client.GetService<DeepSeekModel>(), Is.SameAs(_model));
        await AskAsync(client, streaming);
    }

    private static IEnumerable<(Type Kind, string Text)> Contents(ChatResponse response)
        => response.Messages.SelectMany(message => message.Contents)
            .Where(content => content is TextContent or TextReasoningContent)
            .Select(content => (content.GetType(), content.ToString() ?? ""));

    private ChatClientBuilder Builder() => _model.AsChatClient().AsBuilder();

    private async Task<ChatResponse> AskAsync(IChatClient client, bool streaming)
    {
        var response = streaming
            ? await client.GetStreamingResponseAsync(Question, _options).ToChatResponseAsync()
            : await client.GetResponseAsync(Question, _options);
        Assert.That(response.Text, Is.EqualTo(Answer));
        return response;
    }
}
