using System.Globalization;
using DeepSeekEngine;
using Microsoft.AspNetCore.WebUtilities;

namespace ChatServer;

/// <summary>Gives every error the form in which OpenAI's clients expect it, and none of them more than it should tell.</summary>
internal sealed class ApiErrors(RequestDelegate next, ILogger<ApiErrors> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null } response)
            {
                await WriteAsync(context, OfStatus(response.StatusCode));
            }
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, From(exception, logger));
        }
    }

    /// <summary>What is said of an exception; one that is a fault of ours is logged.</summary>
    public static ApiException From(Exception exception, ILogger logger)
    {
        switch (exception)
        {
            case ApiException known:
                return known;
            case QueueFullException:
                return new ApiException(
                    StatusCodes.Status429TooManyRequests, "Too many requests are waiting already; try again later.", code: "queue_full")
                {
                    RetryAfter = TimeSpan.FromSeconds(1),
                };
            case UnsupportedSchemaException or NotSupportedException:
                // The format of the answer is made before, so what cannot be kept to is what tools ask for.
                return ApiException.BadRequest(exception, "tools", "unsupported_value");
            case BadHttpRequestException bad:
                return OfStatus(bad.StatusCode);
            case ObjectDisposedException or OperationCanceledException:
                return new ApiException(StatusCodes.Status503ServiceUnavailable, "The server is stopping.", code: "stopping");
            default:
                logger.LogError(exception, "A request failed.");
                return new ApiException(StatusCodes.Status500InternalServerError, "The server failed; its log says why.", code: "internal_error");
        }
    }

    private static ApiException OfStatus(int status) => new(status, status switch
    {
        StatusCodes.Status400BadRequest => "The request is not valid HTTP, or not for this host.",
        StatusCodes.Status404NotFound => "There is nothing at this address.",
        StatusCodes.Status405MethodNotAllowed => "This address does not take that method.",
        StatusCodes.Status413PayloadTooLarge => "The request's body is too large.",
        _ => $"{ReasonPhrases.GetReasonPhrase(status)}.",
    });

    private static Task WriteAsync(HttpContext context, ApiException error)
    {
        context.Response.StatusCode = error.Status;
        if (error.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling(after.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        return context.Response.WriteAsJsonAsync(error.Body, ApiJson.Web.ErrorBody, cancellationToken: context.RequestAborted);
    }
}
