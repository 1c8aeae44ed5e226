using ChatServer;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.Options;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>How the server is started, and what it shows beside the interface.</summary>
public sealed class HostingTests
{
    [TestCase("--api-kye", "x")]
    [TestCase("--api-key")]
    [TestCase("tiny-r1", "another")]
    public void An_argument_that_is_not_known_keeps_it_from_starting(params string[] args)
        => Assert.That(() => Server.Build(args), Throws.ArgumentException.With.Message.Contains(args[^1]).Or.Message.Contains(args[0]));

    [TestCase("--Server:RequestsPerMinute=0", typeof(OptionsValidationException))]
    [TestCase("--Server:RequestsPerMinute=many", typeof(InvalidOperationException))]
    [TestCase("--Server:RequestPerMinute=5", typeof(InvalidOperationException))]
    [TestCase("--api-key=", typeof(OptionsValidationException))]
    [TestCase("--context=1", typeof(OptionsValidationException))]
    [TestCase("--weights=int5", typeof(InvalidOperationException))]
    public async Task A_setting_that_is_wrong_keeps_it_from_starting(string arg, Type expected)
    {
        var failure = await Assert.CatchAsync(() => RunningServer.StartAsync(arg));
        Assert.That(failure, Is.InstanceOf(expected));
        Assert.That(Server.IsMisconfigured(failure!), "It is told without a stack trace.");
    }

    [TestCase("http://0.0.0.0:0", null, true)]
    [TestCase("http://0.0.0.0:0", "geheim", false)]
    [TestCase("http://127.0.0.1:0", null, false)]
    public async Task An_open_server_is_warned_of(string url, string? key, bool warned)
    {
        var log = new RecordingLogger();
        string[] args = [$"--urls={url}", .. key is null ? Array.Empty<string>() : [$"--api-key={key}"]];
        await using var server = await RunningServer.StartAsync(TestPaths.TinyR1, log, args);
        Assert.That(log.Lines.Any(line => line.Contains("without an API key", StringComparison.Ordinal)), Is.EqualTo(warned));
    }

    [Test]
    public async Task A_server_for_others_answers_to_their_name_for_it()
    {
        await using var server = await RunningServer.StartAsync("--urls=http://0.0.0.0:0");
        using var request = new HttpRequestMessage(HttpMethod.Get, "v1/models");
        request.Headers.Host = "gpu-box";
        using var response = await server.Http.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(200));
    }

    [TestCase("v1/models/deepseek-ai/DeepSeek-R1")]
    [TestCase("v1/models/deepseek-ai%2FDeepSeek-R1")]
    public async Task A_model_may_be_called_as_on_a_hub(string path)
    {
        await using var server = await RunningServer.StartAsync("--model-id=deepseek-ai/DeepSeek-R1");
        Assert.That(await server.Http.GetStringAsync(path), Does.Contain("\"deepseek-ai/DeepSeek-R1\""));
        Assert.That(await server.AskAsync(Shared.Chat, Shared.Ask(("model", "deepseek-ai/DeepSeek-R1"), ("max_tokens", 1))), Is.Not.Null);
    }

    [Test]
    public async Task Browsers_are_told_to_run_nothing_else()
    {
        using var response = await Shared.Server.Http.GetAsync("v1/models");
        Assert.That(
            response.Headers.GetValues("Content-Security-Policy").Single(),
            Does.StartWith("default-src 'none';").And.Contain("frame-ancestors 'none'"));
        Assert.That(response.Headers.GetValues("X-Content-Type-Options").Single(), Is.EqualTo("nosniff"));
        Assert.That(response.Headers.Contains("Server"), Is.False);
        Assert.That(response.Headers.Contains("Access-Control-Allow-Origin"), Is.False);
    }

    [TestCase("", "text/html")]
    [TestCase("js/api.js", "text/javascript")]
    [TestCase("icon.svg", "image/svg+xml")]
    [TestCase("lib/katex/fonts/KaTeX_Main-Regular.woff2", "font/woff2")]
    public async Task The_page_is_served(string path, string type)
    {
        using var response = await Shared.Server.Http.GetAsync(path);
        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo(type));
        Assert.That(response.Headers.Contains("Content-Security-Policy"));
    }

    [Test]
    public async Task Metrics_are_those_of_the_engine_and_the_server()
    {
        await Shared.Server.AskAsync(Shared.Chat, Shared.Ask());
        var metrics = await Shared.Server.Http.GetStringAsync("metrics");
        foreach (var name in new[] { "deepseek_engine_tokens_output", "gen_ai_server_request_duration", "http_server_request_duration" })
        {
            Assert.That(metrics, Does.Contain(name));
        }
    }
}
