using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using ChatServer;
using DeepSeekEngine.Extensions.AI;
using DeepSeekEngine.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenAI;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>The server on a port of its own, as a program would run it, and ways to ask it.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningServer(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.Single().Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        Http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public Uri Address { get; }

    public HttpClient Http { get; }

    /// <summary>Starts it and waits for the model, unless the logger holds that.</summary>
    /// <param name="log">Where it logs to; null: nowhere.</param>
    /// <param name="args">What is typed after the model and the device.</param>
    public static async Task<RunningServer> StartAsync(string model, RecordingLogger? log, params string[] args)
    {
        string[] all = [model, "--urls=http://127.0.0.1:0", "--device=cpu", "--threads=1", "--Logging:Console:LogLevel:Default=None", .. args];
        var app = Server.Build(all);
        if (log is not null)
        {
            app.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        }

        await app.StartAsync();
        if (log?.HoldAt is null)
        {
            await app.Services.GetRequiredService<DeepSeekModelHost>().GetAsync();
        }

        return new RunningServer(app);
    }

    public static Task<RunningServer> StartAsync(params string[] args) => StartAsync(TestPaths.TinyR1, null, args);

    /// <summary>The official client, which does not try again.</summary>
    public OpenAIClient Client(string key = "none") => new(
        new ApiKeyCredential(key),
        new OpenAIClientOptions { Endpoint = new Uri(Address, "v1"), RetryPolicy = new ClientRetryPolicy(0) });

    /// <summary>Posts a body that need not be JSON.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, string body, string type = "application/json")
        => await Http.PostAsync(path, new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue(type)));

    /// <summary>Asks and expects an answer.</summary>
    public async Task<JsonNode> AskAsync(string path, JsonObject body)
    {
        using var response = await Http.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(200), text);
        return JsonNode.Parse(text)!;
    }

    /// <summary>Asks for a stream and gives its events, the last, <c>[DONE]</c>, as null.</summary>
    public async IAsyncEnumerable<JsonNode?> StreamAsync(string path, JsonObject body)
    {
        body["stream"] = true;
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        using var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/event-stream"));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.Length > 0)
            {
                Assert.That(line, Does.StartWith("data: "));
                yield return line == "data: [DONE]" ? null : JsonNode.Parse(line["data: ".Length..]);
            }
        }
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
