namespace DeepSeekEngine;

/// <summary>The call a piece of a streamed response belongs to; the piece's text is to be appended to its arguments.</summary>
/// <param name="Index">Which of the response's calls, from 0.</param>
/// <param name="Id">As <see cref="ToolCall.Id"/>.</param>
/// <param name="Name">As <see cref="ToolCall.Name"/>.</param>
public sealed record ToolCallPart(int Index, string Id, string Name);
