using System.Runtime.CompilerServices;
using DeepSeekEngine;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal static class ChatEndpoint
{
    public static async Task AnswerAsync(
        HttpContext context, ServedModel served, IOptions<ServerOptions> limits, Shutdown shutdown, ILogger<ChatRequest> logger)
    {
        var request = await RequestBody.ReadAsync(context.Request, ApiJson.Web.ChatRequest, context.RequestAborted);
        var model = served.Find(request.Model);
        var messages = ChatMessages.From(request.Messages);
        var options = ChatMapping.Options(request, limits.Value.MaxTokens, model.Info.ContextLength);
        Choice[] choices =
        [
            .. GenerationMapping.Choices(options, request.N, limits.Value.MaxChoices).Select(option => Choice.Of(model, messages, option)),
        ];
        var origin = served.Origin(model, "chatcmpl");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, shutdown.Token);
        if (request.Stream == true)
        {
            var chunks = StreamAsync(choices, origin, request.StreamOptions?.IncludeUsage == true, stop.Token);
            await EventStream.WriteAsync(context, chunks, ApiJson.Web.ChatChunk, logger);
        }
        else
        {
            var results = await Choices.GenerateAsync(choices, stop.Token);
            await context.Response.WriteAsJsonAsync(
                Whole(results, origin, options.TopLogProbabilities is not null), ApiJson.Web.ChatResponse, cancellationToken: stop.Token);
        }
    }

    private static ChatResponse Whole(GenerationResult[] results, ResponseOrigin origin, bool withTokens) => new(
        origin.Id, "chat.completion", origin.Created, origin.Model, origin.SystemFingerprint,
        [
            .. results.Select((result, i) => new ChatChoice(i, MessageOf(result), Responses.FinishReason(result.FinishReason))
            {
                Logprobs = withTokens ? TokenBodies.Parts(result.LogProbabilities, result.Usage.ReasoningTokens) : null,
            }),
        ],
        Responses.Usage([.. results.Select(result => result.Usage)], results.Length));

    private static AnswerMessage MessageOf(GenerationResult result)
    {
        ToolCallBody[]? calls = result.ToolCalls.Count == 0 ? null
            : [.. result.ToolCalls.Select(call => new ToolCallBody(null, call.Id, "function", new CalledFunction(call.Name, call.Arguments)))];
        return new AnswerMessage("assistant", result.Reasoning.Length > 0 ? result.Reasoning : null, calls)
        {
            Content = calls is not null && result.Text.Length == 0 ? null : result.Text,
        };
    }

    private static async IAsyncEnumerable<ChatChunk> StreamAsync(
        Choice[] choices, ResponseOrigin origin, bool includeUsage, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var streams = choices.Select((_, i) => new ChatStream(i)).ToArray();
        var usages = new Usage[choices.Length];
        await foreach (var (index, piece) in Choices.StreamAsync(choices, cancellationToken))
        {
            foreach (var choice in streams[index].Next(piece))
            {
                yield return Chunk([choice]);
            }

            usages[index] = piece.Usage ?? usages[index];
        }

        if (includeUsage)
        {
            yield return Chunk([]) with { Usage = Responses.Usage(usages, usages.Length) };
        }

        ChatChunk Chunk(ChatChunkChoice[] parts)
            => new(origin.Id, "chat.completion.chunk", origin.Created, origin.Model, origin.SystemFingerprint, parts);
    }
}
