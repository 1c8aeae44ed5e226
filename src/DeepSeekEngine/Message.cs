namespace DeepSeekEngine;

/// <summary>Who speaks a message.</summary>
public enum Role
{
    /// <summary>Instructions the conversation stands under.</summary>
    System,

    /// <summary>The person asking.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,

    /// <summary>The result of a tool the model called.</summary>
    Tool,
}

/// <summary>A message of a conversation.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Content">The text, as plain text: what looks like a special token in it is not one.</param>
public sealed record Message(Role Role, string Content)
{
    /// <summary>The calls an assistant's message asks for; empty for none.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Of a tool's message, the call whose result it is; null: the next that has none yet.</summary>
    public string? ToolCallId { get; init; }
}
