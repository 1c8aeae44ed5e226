using System.Diagnostics;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

[NonParallelizable]
public sealed class MiddlewareTests
{
    [Test]
    public async Task Telemetry_logging_and_cache_can_be_put_around_the_client()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new() { Device = Device.Cpu });
        var activities = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Outer" or "DeepSeekEngine",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                lock (activities)
                {
                    activities.Add(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var client = model.AsChatClient().AsBuilder()
            .UseDistributedCache(new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions())))
            .UseLogging(NullLoggerFactory.Instance)
            .UseOpenTelemetry(sourceName: "Outer")
            .Build();
        var options = new ChatOptions { Temperature = 0 };
        var first = await client.GetResponseAsync("What is 47 + 58?", options);
        var second = await client.GetResponseAsync("What is 47 + 58?", options);
        Assert.That(first.Text, Is.EqualTo("47 + 58 = 105"));
        Assert.That(second.Text, Is.EqualTo(first.Text));
        Assert.That(second.ResponseId, Is.EqualTo(first.ResponseId), "the second is from the cache");

        var outer = activities.Single(a => a.Source.Name == "Outer");
        var inner = activities.Single(a => a.Source.Name == "DeepSeekEngine");
        Assert.That(inner.ParentSpanId, Is.EqualTo(outer.SpanId));
        Assert.That(outer.GetTagItem("gen_ai.provider.name"), Is.EqualTo(inner.GetTagItem("gen_ai.provider.name")));
        Assert.That(outer.GetTagItem("gen_ai.usage.output_tokens"), Is.EqualTo(inner.GetTagItem("gen_ai.usage.output_tokens")));

        var streamed = await client.GetStreamingResponseAsync("What is 1 + 1?", options).ToChatResponseAsync();
        Assert.That(streamed.Text, Does.EndWith("2"));
    }
}
