using System.Runtime.CompilerServices;
using DeepSeekEngine;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary><c>POST /v1/completions</c>.</summary>
internal static class CompletionEndpoint
{
    // What the interface that is imitated takes where nothing is said.
    private const int DefaultMaxTokens = 16;

    public static async Task AnswerAsync(
        HttpContext context, ServedModel served, IOptions<ServerOptions> limits, Shutdown shutdown, ILogger<CompletionRequest> logger)
    {
        var request = await RequestBody.ReadAsync(context.Request, ApiJson.Web.CompletionRequest, context.RequestAborted);
        var model = served.Find(request.Model);
        var prompts = CompletionPrompts.From(request.Prompt);
        var options = Options(request, limits.Value.MaxTokens);
        var perPrompt = GenerationMapping.Choices(options, request.N, limits.Value.MaxChoices);
        if (prompts.Length * perPrompt.Length > limits.Value.MaxChoices)
        {
            throw ApiException.BadRequest(
                $"{prompts.Length} prompts with {perPrompt.Length} responses each are asked for; {limits.Value.MaxChoices} responses may be.",
                "prompt");
        }

        Choice[] choices = [.. prompts.SelectMany(prompt => perPrompt.Select(option => Choice.Of(model, prompt, option)))];
        var origin = served.Origin(model, "cmpl");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, shutdown.Token);
        if (request.Stream == true)
        {
            var pieces = StreamAsync(
                choices, perPrompt.Length, origin, request.StreamOptions?.IncludeUsage == true, stop.Token);
            await EventStream.WriteAsync(context, pieces, ApiJson.Web.CompletionResponse, logger);
        }
        else
        {
            var results = await Choices.GenerateAsync(choices, stop.Token);
            var response = Response(origin, [.. results.Select((result, i) => Whole(result, i, options.TopLogProbabilities is not null))]) with
            {
                Usage = Responses.Usage([.. results.Select(result => result.Usage)], perPrompt.Length),
            };
            await context.Response.WriteAsJsonAsync(response, ApiJson.Web.CompletionResponse, cancellationToken: stop.Token);
        }
    }

    private static GenerationOptions Options(CompletionRequest request, int? limit)
    {
        if (request.BestOf is { } bestOf && bestOf != (request.N ?? 1))
        {
            throw ApiException.NotSupported("best_of", "All responses that are made are returned; use n.");
        }

        if (request.Logprobs is < 0 or > 20)
        {
            throw ApiException.BadRequest("'logprobs' must be from 0 to 20.", "logprobs");
        }

        var maxTokens = request.MaxTokens ?? Math.Min(DefaultMaxTokens, limit ?? DefaultMaxTokens);
        return GenerationMapping.Options(request, maxTokens, limit) with { TopLogProbabilities = request.Logprobs };
    }

    private static CompletionChoice Whole(GenerationResult result, int index, bool withTokens) => new(index, result.Text)
    {
        ReasoningContent = result.Reasoning.Length > 0 ? result.Reasoning : null,
        Logprobs = withTokens ? TokenBodies.Lists(result.LogProbabilities, 0) : null,
        FinishReason = Responses.FinishReason(result.FinishReason),
    };

    private static async IAsyncEnumerable<CompletionResponse> StreamAsync(
        Choice[] choices, int perPrompt, ResponseOrigin origin, bool includeUsage, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var offsets = new int[choices.Length];
        var usages = new Usage[choices.Length];
        await foreach (var (index, piece) in Choices.StreamAsync(choices, cancellationToken))
        {
            yield return Response(origin, [Part(piece, index, offsets[index])]);
            offsets[index] += piece.LogProbabilities.Sum(token => token.Token.Text.Length);
            usages[index] = piece.Usage ?? usages[index];
        }

        if (includeUsage)
        {
            yield return Response(origin, []) with { Usage = Responses.Usage(usages, perPrompt) };
        }
    }

    private static CompletionChoice Part(GenerationChunk piece, int index, int offset) => new(index, piece.Kind is ChunkKind.Answer ? piece.Text : "")
    {
        ReasoningContent = piece.Kind is ChunkKind.Reasoning ? piece.Text : null,
        Logprobs = piece.LogProbabilities.Count > 0 ? TokenBodies.Lists(piece.LogProbabilities, offset) : null,
        FinishReason = piece.FinishReason is { } reason ? Responses.FinishReason(reason) : null,
    };

    private static CompletionResponse Response(ResponseOrigin origin, CompletionChoice[] choices)
        => new(origin.Id, "text_completion", origin.Created, origin.Model, origin.SystemFingerprint, choices);
}
