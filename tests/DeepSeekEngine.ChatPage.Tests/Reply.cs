using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>One answer of the fake server, as a script gives it.</summary>
internal sealed class Reply(HttpContext context)
{
    /// <summary>Cancelled when the reader has gone.</summary>
    public CancellationToken Gone => context.RequestAborted;

    public Task ReasonAsync(string text) => SendAsync(new { choices = new[] { new { index = 0, delta = new { reasoning_content = text } } } });

    public Task SayAsync(string text) => SendAsync(new { choices = new[] { new { index = 0, delta = new { content = text } } } });

    /// <summary>Ends the answer as a server does that was asked for usage.</summary>
    public async Task FinishAsync(string reason = "stop", int prompt = 12, int completion = 101, int reasoning = 40)
    {
        await SendAsync(new { choices = new[] { new { index = 0, delta = new { }, finish_reason = reason } } });
        await SendAsync(new
        {
            choices = Array.Empty<object>(),
            usage = new
            {
                prompt_tokens = prompt,
                completion_tokens = completion,
                total_tokens = prompt + completion,
                completion_tokens_details = new { reasoning_tokens = reasoning },
            },
        });
        await WriteAsync("data: [DONE]\n\n");
    }

    /// <summary>An error after the answer has begun.</summary>
    public Task FailAsync(string message) => SendAsync(new { error = new { message, type = "server_error", param = (string?)null, code = (string?)null } });

    /// <summary>An error in the place of an answer.</summary>
    public async Task RefuseAsync(int status, string message, int? retryAfter = null)
    {
        context.Response.StatusCode = status;
        if (retryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = $"{seconds}";
        }

        await context.Response.WriteAsJsonAsync(new { error = new { message, type = "error", param = (string?)null, code = (string?)null } });
    }

    /// <summary>Closes the connection without a word.</summary>
    public void Disconnect() => context.Abort();

    public async Task WriteAsync(string text)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "text/event-stream";
            context.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        }

        await context.Response.WriteAsync(text, Gone);
        await context.Response.Body.FlushAsync(Gone);
    }

    private Task SendAsync(object data) => WriteAsync($"data: {JsonSerializer.Serialize(data)}\n\n");
}
