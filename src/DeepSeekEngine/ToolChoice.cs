namespace DeepSeekEngine;

/// <summary>Whether the model calls one of the tools it is offered.</summary>
public sealed class ToolChoice
{
    private ToolChoice()
    {
    }

    /// <summary>It decides itself.</summary>
    public static ToolChoice Auto { get; } = new();

    /// <summary>It is shown the tools and calls none.</summary>
    public static ToolChoice None { get; } = new();

    /// <summary>It calls one at least.</summary>
    public static ToolChoice Required { get; } = new();

    /// <summary>The function that must be called; null unless one must.</summary>
    public string? FunctionName { get; private init; }

    /// <summary>It calls this function.</summary>
    /// <param name="name">The name of one of the tools offered.</param>
    public static ToolChoice Function(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new ToolChoice { FunctionName = name };
    }
}
