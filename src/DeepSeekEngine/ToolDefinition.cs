using System.Text.Json;

namespace DeepSeekEngine;

/// <summary>A function the model may ask its caller to call.</summary>
/// <param name="Name">What it is called: letters, digits, '_', '-' and '.', 1 to 64 of them.</param>
/// <param name="Description">What it does, for the model; null for nothing.</param>
/// <param name="Parameters">
/// The JSON schema of its arguments, an object; what the model writes validates against it. Null: it takes none.
/// </param>
public sealed record ToolDefinition(string Name, string? Description = null, JsonElement? Parameters = null);
