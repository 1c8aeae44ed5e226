using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ChatServer;

/// <summary>A response that is sent as server-sent events while it is made.</summary>
internal static class EventStream
{
    /// <summary>
    /// Sends events until they end or fail. Nothing is sent before there is a first one, so that what fails before can still be told by
    /// the status; what fails later is told by an event.
    /// </summary>
    public static async Task WriteAsync<T>(
        HttpContext context, IAsyncEnumerable<T> events, JsonTypeInfo<T> type, ILogger logger)
    {
        var response = context.Response;
        try
        {
            await foreach (var one in events)
            {
                if (!response.HasStarted)
                {
                    response.ContentType = "text/event-stream";
                    response.Headers.CacheControl = "no-store";
                    response.Headers["X-Accel-Buffering"] = "no";
                }

                await WriteAsync(response, one, type, context.RequestAborted);
            }

            response.BodyWriter.Write("data: [DONE]\n\n"u8);
        }
        catch (Exception exception) when (response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(response, ApiErrors.From(exception, logger).Body, ApiJson.Web.ErrorBody, context.RequestAborted);
        }
    }

    private static async Task WriteAsync<T>(HttpResponse response, T value, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        response.BodyWriter.Write("data: "u8);
        await JsonSerializer.SerializeAsync(response.BodyWriter, value, type, cancellationToken);
        response.BodyWriter.Write("\n\n"u8);
        await response.BodyWriter.FlushAsync(cancellationToken);
    }
}
