using System.Collections.Concurrent;
using System.Text.Json;
using DeepSeekEngine.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>
/// Serves the page as samples/ChatServer does, under a path, and answers it from a script in the place of a model.
/// </summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private const string PathBase = "/deep/seek";

    private readonly WebApplication _application;
    private readonly ConcurrentQueue<JsonElement> _requests = [];

    private FakeServer(WebApplication application)
    {
        _application = application;
    }

    /// <summary>Where the page is.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>How requests are answered, one after the other; the last one answers all that follow.</summary>
    public ConcurrentQueue<Func<Reply, Task>> Script { get; } = [];

    /// <summary>The key the server wants, if it wants one.</summary>
    public string? Key { get; set; }

    public IReadOnlyList<string> Models { get; set; } = ["tiny-r1"];

    /// <summary>The bodies of all requests for an answer, in their order.</summary>
    public IReadOnlyList<JsonElement> Requests => [.. _requests];

    public static async Task<FakeServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var application = builder.Build();
        application.Urls.Add("http://127.0.0.1:0");
        var server = new FakeServer(application);
        var files = new PhysicalFileProvider(Path.Combine(TestPaths.RepositoryRoot, "samples", "ChatServer", "wwwroot"));
        application.UsePathBase(PathBase);
        application.Use((context, next) =>
        {
            context.Response.Headers.ContentSecurityPolicy = ChatServer.ContentSecurityPolicy.Value;
            context.Response.Headers.XContentTypeOptions = "nosniff";
            return next(context);
        });
        application.UseDefaultFiles(new DefaultFilesOptions { FileProvider = files });
        application.UseStaticFiles(new StaticFileOptions { FileProvider = files });
        application.UseRouting();
        application.MapGet("/v1/models", server.ListModelsAsync);
        application.MapPost("/v1/chat/completions", server.AnswerAsync);
        await application.StartAsync();
        server.Address = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + PathBase + "/");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _application.StopAsync(now.Token);
        await _application.DisposeAsync();
    }

    private Task ListModelsAsync(HttpContext context)
        => IsAllowed(context)
            ? context.Response.WriteAsJsonAsync(new { @object = "list", data = Models.Select(id => new { id, @object = "model" }) })
            : new Reply(context).RefuseAsync(StatusCodes.Status401Unauthorized, "Incorrect API key provided.");

    private async Task AnswerAsync(HttpContext context)
    {
        var reply = new Reply(context);
        if (!IsAllowed(context))
        {
            await reply.RefuseAsync(StatusCodes.Status401Unauthorized, "Incorrect API key provided.");
            return;
        }

        _requests.Enqueue(await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body));
        if (Script.TryPeek(out var answer))
        {
            if (Script.Count > 1)
            {
                Script.TryDequeue(out _);
            }

            try
            {
                await answer(reply);
            }
            catch (OperationCanceledException)
            {
                // The reader has gone, or the test is over.
            }
        }
    }

    private bool IsAllowed(HttpContext context) => Key is null || context.Request.Headers.Authorization == $"Bearer {Key}";
}
