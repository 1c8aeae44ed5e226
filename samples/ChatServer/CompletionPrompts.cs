using System.Text.Json;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>The prompts of a request for completions: a text, a list of tokens, or a list of several of one of these.</summary>
internal static class CompletionPrompts
{
    private const string Param = "prompt";

    /// <exception cref="ApiException">It is nothing of these.</exception>
    public static RawPrompt[] From(JsonElement? prompt) => prompt switch
    {
        { ValueKind: JsonValueKind.String } text => [OfText(text, Param)],
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 => list[0].ValueKind switch
        {
            JsonValueKind.Number => [OfTokens(list, Param)],
            JsonValueKind.Array => [.. list.EnumerateArray().Select((tokens, i) => OfTokens(tokens, $"{Param}[{i}]"))],
            _ => [.. list.EnumerateArray().Select((text, i) => OfText(text, $"{Param}[{i}]"))],
        },
        _ => throw ApiException.BadRequest(
            "'prompt' must be a text, a list of tokens, or a list of texts or of lists of tokens.", Param, "invalid_type"),
    };

    private static RawPrompt OfText(JsonElement text, string param)
        => RequestBody.Text(text, param) is { Length: > 0 } prompt
            ? RawPrompt.FromText(prompt)
            : throw ApiException.BadRequest($"'{param}' is empty.", param);

    private static RawPrompt OfTokens(JsonElement tokens, string param)
        => tokens.ValueKind is JsonValueKind.Array && tokens.GetArrayLength() > 0
            ? RawPrompt.FromTokens(tokens.EnumerateArray().Select((token, i) => OfToken(token, param, i)))
            : throw ApiException.BadRequest($"'{param}' must be a list of tokens.", param, "invalid_type");

    private static int OfToken(JsonElement token, string list, int index)
        => token.ValueKind is JsonValueKind.Number && token.TryGetInt32(out var id)
            ? id
            : throw ApiException.BadRequest($"'{list}[{index}]' is no token.", $"{list}[{index}]", "invalid_type");
}
