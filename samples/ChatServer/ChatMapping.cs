using System.Text.Json;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>What a request for a chat asks for, as options of the engine: each field is either honoured or refused.</summary>
internal static class ChatMapping
{
    private const int MaxTools = 128;

    private static readonly Lazy<ResponseFormat> AnyObject = new(() => ResponseFormat.JsonSchema("""{"type":"object"}"""));

    /// <param name="request">What is asked for.</param>
    /// <param name="limit">Tokens a response may have; null for no limit.</param>
    /// <param name="contextLength">Tokens the model's context holds.</param>
    /// <exception cref="ApiException">A field is out of its range or not supported.</exception>
    public static GenerationOptions Options(ChatRequest request, int? limit, int contextLength)
    {
        if (request.TopLogprobs is not null && request.Logprobs != true)
        {
            throw ApiException.BadRequest("'top_logprobs' needs 'logprobs' to be true.", "top_logprobs");
        }

        if (request.TopLogprobs is < 0 or > 20)
        {
            throw ApiException.BadRequest("'top_logprobs' must be from 0 to 20.", "top_logprobs");
        }

        var options = GenerationMapping.Options(request, request.MaxCompletionTokens ?? request.MaxTokens, limit);
        return GenerationMapping.Checked(() => options with
        {
            TopLogProbabilities = request.Logprobs == true ? request.TopLogprobs ?? 0 : null,
            MaxThinkingTokens = request.MaxThinkingTokens ?? ThinkingBudget(request.ReasoningEffort, options, contextLength),
            ResponseFormat = request.ResponseFormat is { } format ? FormatOf(format) : null,
            Tools = Tools(request.Tools),
            ToolChoice = request.ToolChoice is { } choice ? ChoiceOf(choice, request.Tools) : null,
            ParallelToolCalls = request.ParallelToolCalls ?? true,
        });
    }

    /// <summary>
    /// Tokens the model may think, as a share of those it may produce, so that there is room left for the answer; as long as it likes
    /// with the highest effort.
    /// </summary>
    private static int? ThinkingBudget(string? effort, GenerationOptions options, int contextLength)
    {
        var room = Math.Min(options.MaxTokens ?? contextLength, contextLength);
        return effort switch
        {
            null or "xhigh" => null,
            "none" => 0,
            "minimal" => (int)(room * 0.05),
            "low" => (int)(room * 0.2),
            "medium" => (int)(room * 0.5),
            "high" => (int)(room * 0.8),
            _ => throw ApiException.BadRequest(
                "'reasoning_effort' must be none, minimal, low, medium, high or xhigh.", "reasoning_effort"),
        };
    }

    private static ResponseFormat? FormatOf(ResponseFormatBody format)
    {
        const string param = "response_format";
        try
        {
            return format.Type switch
            {
                "text" => null,
                "json_object" => AnyObject.Value,
                "json_schema" => ResponseFormat.JsonSchema(format.JsonSchema?.Schema
                    ?? throw ApiException.BadRequest("There must be a schema.", "response_format.json_schema.schema")),
                _ => throw ApiException.BadRequest("'response_format.type' must be text, json_object or json_schema.", "response_format.type"),
            };
        }
        catch (Exception exception) when (exception is UnsupportedSchemaException or ArgumentException)
        {
            throw ApiException.BadRequest(exception, param, "unsupported_schema");
        }
    }

    private static ToolDefinition[]? Tools(IReadOnlyList<ToolBody?>? tools)
    {
        if (tools is null or { Count: 0 })
        {
            return null;
        }

        return tools.Count <= MaxTools
            ? [.. tools.Select((tool, i) => ToolOf(tool, $"tools[{i}]"))]
            : throw ApiException.BadRequest($"There may be {MaxTools} tools.", "tools");
    }

    private static ToolDefinition ToolOf(ToolBody? tool, string param)
    {
        try
        {
            return tool is { Type: "function", Function: { Name: not null } function }
                ? new ToolDefinition(function.Name, function.Description, function.Parameters)
                : throw ApiException.BadRequest($"'{param}' must be of the type 'function', and name one.", param);
        }
        catch (ArgumentException exception)
        {
            throw ApiException.BadRequest(exception, param);
        }
    }

    private static ToolChoice ChoiceOf(JsonElement choice, IReadOnlyList<ToolBody?>? tools)
    {
        const string param = "tool_choice";
        if (choice.ValueKind is JsonValueKind.Object)
        {
            var function = RequestBody.Member(choice, "function", param);
            var name = RequestBody.Text(RequestBody.Member(function, "name", $"{param}.function"), $"{param}.function.name");
            return (tools ?? []).Any(tool => tool?.Function?.Name == name)
                ? ToolChoice.Function(name)
                : throw ApiException.BadRequest($"There is no tool '{name}'.", param);
        }

        return RequestBody.Text(choice, param) switch
        {
            "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            "required" => tools is { Count: > 0 } ? ToolChoice.Required : throw ApiException.BadRequest("There are no tools to call.", param),
            _ => throw ApiException.BadRequest("'tool_choice' must be auto, none, required or name a function.", param),
        };
    }
}
