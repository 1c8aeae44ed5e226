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
public sealed record Message(Role Role, string Content);
