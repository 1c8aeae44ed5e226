using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>Requests that do not end by themselves, of a model that answers for long.</summary>
public sealed class LifetimeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private string _model = "";

    [OneTimeSetUp]
    public void WriteModel()
    {
        _model = Directory.CreateTempSubdirectory("deepseek-server-").FullName;
        SyntheticCheckpoint.Write(_model, ("max_position_embeddings", 8192));
    }

    [OneTimeTearDown]
    public void DeleteModel() => Directory.Delete(_model, recursive: true);

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_client_that_goes_away_cancels_its_request(bool stream)
    {
        await using var server = await StartAsync();
        var ended = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listener = Listen("gen_ai.server.request.duration", ended);
        using var leaving = new CancellationTokenSource();
        using var request = Request(stream);
        var response = server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        if (stream)
        {
            (await response).Dispose();
        }
        else
        {
            await RunningAsync(server, 1);
            await leaving.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(() => response);
        }

        Assert.That(await ended.Task.WaitAsync(Patience), Does.Contain("Cancel"));
        await RunningAsync(server, 0);
    }

    [Test]
    public async Task A_full_queue_is_an_error_to_try_again_after()
    {
        await using var server = await StartAsync("--concurrent=1", "--DeepSeekEngine:MaxQueuedRequests=1");
        using var request = Request(stream: true);
        using var running = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        foreach (var stream in new[] { false, true })
        {
            var body = Talk(stream);
            body["n"] = 2;
            using var refused = await server.PostAsync(Shared.Chat, body.ToJsonString());
            Assert.That((string?)(await Errors.CheckAsync(refused, 429))["code"], Is.EqualTo("queue_full"));
            Assert.That(refused.Headers.RetryAfter!.Delta, Is.EqualTo(TimeSpan.FromSeconds(1)));
        }
    }

    [Test]
    public async Task What_takes_too_long_when_the_server_stops_is_told()
    {
        await using var server = await StartAsync("--Server:DrainSeconds=0");
        var whole = server.PostAsync(Shared.Chat, Talk(false).ToJsonString());
        await RunningAsync(server, 1);
        var events = server.StreamAsync(Shared.Chat, Talk(true)).GetAsyncEnumerator();
        Assert.That(await events.MoveNextAsync());
        var stopping = server.StopAsync();
        JsonNode? last = null;
        while (await events.MoveNextAsync())
        {
            last = events.Current;
        }

        Assert.That((string?)last?["error"]?["code"], Is.EqualTo("stopping"));
        Errors.Check(last!["error"]!);
        Assert.That((string?)(await Errors.CheckAsync(await whole, 503))["code"], Is.EqualTo("stopping"));
        await stopping;
    }

    [Test]
    public async Task What_ends_in_time_when_the_server_stops_is_answered()
    {
        await using var server = await RunningServer.StartAsync("--Server:DrainSeconds=100");
        var events = server.StreamAsync(Shared.Chat, Shared.Ask()).GetAsyncEnumerator();
        Assert.That(await events.MoveNextAsync());
        var stopping = server.StopAsync();
        var text = "";
        JsonNode? last = events.Current;
        while (await events.MoveNextAsync())
        {
            last = events.Current;
            text += (string?)last?["choices"]![0]!["delta"]!["content"];
        }

        Assert.That(last, Is.Null, "[DONE] is last.");
        Assert.That(text, Is.EqualTo(Shared.Answer));
        await stopping;
    }

    [Test]
    public async Task The_server_is_there_before_its_model()
    {
        var log = new RecordingLogger { HoldAt = nameof(LoadStage.LoadingWeights) };
        await using var server = await RunningServer.StartAsync(TestPaths.TinyR1, log);
        try
        {
            await log.Held.Task;
            Assert.That(await server.Http.GetStringAsync("health"), Is.EqualTo("Healthy"));
            using var ready = await server.Http.GetAsync("health/ready");
            Assert.That((int)ready.StatusCode, Is.EqualTo(503));
            using var response = await server.PostAsync(Shared.Chat, Shared.Ask().ToJsonString());
            Assert.That((string?)(await Errors.CheckAsync(response, 503))["code"], Is.EqualTo("model_not_ready"));
            Assert.That(response.Headers.RetryAfter, Is.Not.Null);
        }
        finally
        {
            log.Release.Set();
        }
    }

    [Test]
    public async Task A_model_that_does_not_load_is_an_error_that_names_no_file()
    {
        var missing = Path.Combine(_model, "nothing");
        await using var server = await RunningServer.StartAsync(missing, new RecordingLogger { HoldAt = "nothing is held" });
        JsonNode error;
        do
        {
            using var response = await server.PostAsync(Shared.Chat, Shared.Ask().ToJsonString());
            error = await Errors.CheckAsync(response, 503);
        }
        while (((string)error["message"]!).Contains("is not loaded", StringComparison.Ordinal));
        Assert.That((string?)error["message"], Does.Not.Contain(_model));
    }

    private Task<RunningServer> StartAsync(params string[] args)
        => RunningServer.StartAsync(_model, null, ["--model-id=tiny-r1", "--context=8192", .. args]);

    private static HttpRequestMessage Request(bool stream) => new(HttpMethod.Post, Shared.Chat) { Content = JsonContent.Create(Talk(stream)) };

    private static JsonObject Talk(bool stream) => Shared.Ask(("temperature", 0), ("max_tokens", 8000), ("stream", stream));

    /// <summary>Waits until the model computes as many requests as this.</summary>
    private async Task RunningAsync(RunningServer server, int requests)
    {
        var line = new Regex($"^deepseek_engine_requests_running{{.*{Path.GetFileName(_model)}.*}} {requests}$", RegexOptions.Multiline);
        using var patience = new CancellationTokenSource(Patience);
        while (!line.IsMatch(await server.Http.GetStringAsync("metrics", patience.Token)))
        {
            await Task.Delay(20, patience.Token);
        }
    }

    /// <summary>Gives the type of error of the next request that ends.</summary>
    private static MeterListener Listen(string instrument, TaskCompletionSource<string?> ended)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (published, listener) =>
            {
                if (published.Name == instrument)
                {
                    listener.EnableMeasurementEvents(published);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>(
            (_, _, tags, _) => ended.TrySetResult(tags.ToArray().FirstOrDefault(tag => tag.Key == "error.type").Value?.ToString()));
        listener.Start();
        return listener;
    }
}
