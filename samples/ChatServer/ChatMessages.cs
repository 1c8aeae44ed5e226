using System.Collections.Frozen;
using System.Text.Json;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>Messages of a request as messages of the engine.</summary>
internal static class ChatMessages
{
    // What an answer came with but the model is not to see again, and names of speakers, which chat templates have no place for.
    private static readonly FrozenSet<string> Harmless = ["name", "reasoning_content", "reasoning", "refusal", "annotations"];

    /// <exception cref="ApiException">There is none, or one of them cannot be taken.</exception>
    public static Message[] From(IReadOnlyList<ChatMessage?>? messages)
        => messages is { Count: > 0 }
            ? [.. messages.Select((message, i) => From(message, $"messages[{i}]"))]
            : throw ApiException.BadRequest("There must be one message at least.", "messages");

    private static Message From(ChatMessage? message, string param)
    {
        if (message is null)
        {
            throw ApiException.BadRequest($"'{param}' is null.", param);
        }

        RequestBody.RefuseUnknown(message.Others, Harmless, $"{param}.");
        var role = RoleOf(message.Role, $"{param}.role");
        ToolCall[] calls = [.. (message.ToolCalls ?? []).Select((call, i) => From(call, $"{param}.tool_calls[{i}]"))];
        if (calls.Length > 0 && role is not Role.Assistant)
        {
            throw ApiException.BadRequest("Only an assistant's message has calls.", $"{param}.tool_calls");
        }

        if (message.ToolCallId is not null && role is not Role.Tool)
        {
            throw ApiException.BadRequest("Only a tool's message is the result of a call.", $"{param}.tool_call_id");
        }

        var content = message.Content is { } element ? ContentOf(element, $"{param}.content")
            : calls.Length > 0 ? ""
            : throw ApiException.BadRequest("A message must have a content.", $"{param}.content");
        return new Message(role, content) { ToolCalls = calls, ToolCallId = message.ToolCallId };
    }

    private static Role RoleOf(string? role, string param) => role switch
    {
        "system" or "developer" => Role.System,
        "user" => Role.User,
        "assistant" => Role.Assistant,
        "tool" => Role.Tool,
        _ => throw ApiException.BadRequest($"'{param}' must be system, developer, user, assistant or tool.", param),
    };

    private static string ContentOf(JsonElement content, string param)
        => content.ValueKind is JsonValueKind.Array
            ? string.Concat(content.EnumerateArray().Select((part, i) => PartOf(part, $"{param}[{i}]")))
            : RequestBody.Text(content, param);

    private static string PartOf(JsonElement part, string param)
    {
        var type = RequestBody.Text(RequestBody.Member(part, "type", param), $"{param}.type");
        return type switch
        {
            "text" => RequestBody.Text(RequestBody.Member(part, "text", param), $"{param}.text"),
            _ => throw ApiException.BadRequest(
                $"A part of the type '{type}' is not supported; the model reads text only.", param, "unsupported_value"),
        };
    }

    private static ToolCall From(ToolCallBody? call, string param)
        => call is { Id: not null, Type: null or "function", Function: { Name: not null, Arguments: not null } function }
            ? new ToolCall(call.Id, function.Name, function.Arguments)
            : throw ApiException.BadRequest("A call has an id, the type 'function', and a function with a name and arguments.", param);
}
