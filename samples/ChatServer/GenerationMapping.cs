using System.Collections.Frozen;
using System.Text.Json;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>What requests for chats and for completions have in common, as options of the engine.</summary>
internal static class GenerationMapping
{
    // Each is looked for at every character of the answer.
    private const int MaxStops = 16;
    private const int MaxStopLength = 256;

    // What identifies callers, or keeps, bills and hastens what they send, at a service that does such things.
    private static readonly FrozenSet<string> Harmless =
        ["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"];

    private static readonly FrozenSet<string> HarmlessInStreamOptions = ["include_obfuscation"];

    /// <param name="request">What is asked for.</param>
    /// <param name="maxTokens">Tokens it asks for at most; null for no limit.</param>
    /// <param name="limit">Tokens it may ask for; null for no limit.</param>
    /// <exception cref="ApiException">A field is out of its range or not supported.</exception>
    public static GenerationOptions Options(GenerationRequest request, int? maxTokens, int? limit)
    {
        RequestBody.RefuseUnknown(request.Others, Harmless);
        RequestBody.RefuseUnknown(request.StreamOptions?.Others, HarmlessInStreamOptions, "stream_options.");
        if (maxTokens > limit)
        {
            throw ApiException.BadRequest($"{maxTokens} tokens are asked for, and {limit} may be.", "max_tokens");
        }

        return Checked(() => new GenerationOptions
        {
            MaxTokens = maxTokens ?? limit,
            Temperature = request.Temperature,
            TopP = request.TopP,
            TopK = request.TopK,
            MinP = request.MinP,
            RepetitionPenalty = request.RepetitionPenalty,
            FrequencyPenalty = request.FrequencyPenalty,
            PresencePenalty = request.PresencePenalty,
            Seed = request.Seed,
            StopSequences = request.Stop is { } stop ? Stops(stop) : null,
        });
    }

    /// <summary>Makes options, and says of a value that they refuse which field it is of.</summary>
    public static GenerationOptions Checked(Func<GenerationOptions> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException exception)
        {
            // The engine's options are called as the fields are, but for the case of their letters.
            var refusal = ApiException.BadRequest(exception, JsonNamingPolicy.SnakeCaseLower.ConvertName(exception.ParamName!));
            throw ApiException.BadRequest(refusal.Message.Replace(exception.ParamName!, refusal.Param, StringComparison.Ordinal), refusal.Param);
        }
    }

    /// <summary>Options for each of the responses asked for, which differ by their seeds.</summary>
    /// <exception cref="ApiException">That many may not be asked for.</exception>
    public static GenerationOptions[] Choices(GenerationOptions options, int? n, int limit)
        => n is null or >= 1 && (n ?? 1) <= limit
            ? [.. Enumerable.Range(0, n ?? 1).Select(i => options with { Seed = unchecked(options.Seed + i) })]
            : throw ApiException.BadRequest($"'n' must be from 1 to {limit}.", "n");

    private static string[] Stops(JsonElement element)
    {
        const string param = "stop";
        string[] stops = element.ValueKind is JsonValueKind.Array
            ? [.. element.EnumerateArray().Take(MaxStops + 1).Select((text, i) => RequestBody.Text(text, $"{param}[{i}]"))]
            : [RequestBody.Text(element, param)];
        return stops.Length <= MaxStops && stops.All(stop => stop.Length is > 0 and <= MaxStopLength)
            ? stops
            : throw ApiException.BadRequest($"'{param}' may have {MaxStops} texts of 1 to {MaxStopLength} characters.", param);
    }
}
