namespace DeepSeekEngine;

/// <summary>A call the model asks for.</summary>
/// <param name="Id">Tells this call from every other; the result refers to it (<see cref="Message.ToolCallId"/>).</param>
/// <param name="Name">The function.</param>
/// <param name="Arguments">Its arguments, the text of a JSON object.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);
