using System.Text.Json;
using DeepSeekEngine.Tokenizer.Jinja;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Definitions of tools as chat templates see them. All of their text is untrusted, the names of parameters included.</summary>
internal static class ToolValues
{
    /// <summary>The list that Hugging Face's apply_chat_template hands to a template as <c>tools</c>.</summary>
    public static List<object?> Of(IReadOnlyList<ToolDefinition> tools) => [.. tools.Select(Of)];

    /// <summary>About how many characters they have.</summary>
    public static long LengthOf(IReadOnlyList<ToolDefinition> tools)
        => tools.Sum(tool => tool.Name.Length + (tool.Description?.Length ?? 0L) + tool.Schema.GetRawText().Length);

    private static Map Of(ToolDefinition tool)
    {
        Map function = new() { ["name"] = PromptText.Untrusted(tool.Name) };
        if (tool.Description is not null)
        {
            function["description"] = PromptText.Untrusted(tool.Description);
        }

        function["parameters"] = Of(tool.Schema);
        return new Map { ["type"] = PromptText.Trusted("function"), ["function"] = function };
    }

    /// <summary>Recursion is bounded by the depth that <see cref="ToolDefinition"/> allows for.</summary>
    private static object? Of(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                Map map = new();
                foreach (JsonProperty property in value.EnumerateObject())
                {
                    map.Set(PromptText.Untrusted(property.Name), Of(property.Value));
                }

                return map;
            case JsonValueKind.Array:
                return value.EnumerateArray().Select(Of).ToList();
            case JsonValueKind.String:
                return PromptText.Untrusted(value.GetString()!);
            case JsonValueKind.Number:
                return value.TryGetInt64(out long integer) ? integer : value.GetDouble();
            case JsonValueKind.Null:
                return null;
            default:
                return value.GetBoolean();
        }
    }
}
