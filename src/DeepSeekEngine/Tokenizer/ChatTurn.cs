namespace DeepSeekEngine.Tokenizer;

/// <summary>A call of a tool by the model.</summary>
/// <param name="Type">The kind of tool: "function".</param>
/// <param name="Name">The function.</param>
/// <param name="Arguments">Its arguments, as JSON text.</param>
internal sealed record TemplateToolCall(string Type, string Name, string Arguments);

/// <summary>A message as chat templates see it.</summary>
/// <param name="Role">system, user, assistant or tool.</param>
/// <param name="Content">The text; null for an assistant that only calls tools.</param>
/// <param name="ToolCalls">The calls an assistant makes; null for none.</param>
internal sealed record ChatTurn(string Role, string? Content, IReadOnlyList<TemplateToolCall>? ToolCalls = null)
{
    public static ChatTurn From(Message message)
    {
        string role = message.Role switch
        {
            DeepSeekEngine.Role.System => "system",
            DeepSeekEngine.Role.User => "user",
            DeepSeekEngine.Role.Assistant => "assistant",
            DeepSeekEngine.Role.Tool => "tool",
            _ => throw new ArgumentOutOfRangeException(nameof(message), message.Role, "There is no such role."),
        };
        return new ChatTurn(role, message.Content);
    }
}
