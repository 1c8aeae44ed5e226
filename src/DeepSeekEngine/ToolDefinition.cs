using System.Text.Json;
using System.Text.Json.Nodes;

namespace DeepSeekEngine;

/// <summary>A function the model may ask its caller to call.</summary>
/// <param name="Name">What it is called: letters, digits, '_', '-' and '.', 1 to 64 of them.</param>
/// <param name="Description">What it does, for the model; null for nothing.</param>
/// <param name="Parameters">
/// The JSON schema of its arguments, an object; what the model writes validates against it. Null: it takes none.
/// </param>
/// <exception cref="ArgumentException">The name or the schema is not as described.</exception>
public sealed record ToolDefinition(string Name, string? Description = null, JsonElement? Parameters = null)
{
    private const int MaxNameLength = 64;

    /// <summary>A schema nests less than what the parsers and templates it passes through can take.</summary>
    private const int MaxDepth = 48;

    private static readonly JsonElement s_nothing = JsonElement.Parse("""{"type": "object", "properties": {}, "additionalProperties": false}""");

    /// <summary>What it is called: letters, digits, '_', '-' and '.', 1 to 64 of them.</summary>
    public string Name { get; init => field = CheckedName(value); } = CheckedName(Name);

    /// <summary>The JSON schema of its arguments, an object. Null: it takes none.</summary>
    public JsonElement? Parameters { get; init => field = CheckedSchema(value); } = CheckedSchema(Parameters);

    /// <summary>The schema of the arguments, which says that they are an object even where <see cref="Parameters"/> does not.</summary>
    internal JsonElement Schema
    {
        get
        {
            if (Parameters is not { } parameters)
            {
                return s_nothing;
            }

            if (parameters.TryGetProperty("type", out _))
            {
                return parameters;
            }

            var typed = JsonObject.Create(parameters)!;
            typed.Insert(0, "type", "object");
            return JsonSerializer.SerializeToElement(typed);
        }
    }

    internal static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.';

    private static string CheckedName(string name)
        => name is { Length: > 0 and <= MaxNameLength } && name.All(IsNameCharacter)
            ? name
            : throw new ArgumentException(
                $"The name of a tool is 1 to {MaxNameLength} letters, digits, '_', '-' and '.', not '{name}'.", nameof(Name));

    /// <summary>A copy, because the document a schema is part of may be disposed of before it is used.</summary>
    private static JsonElement? CheckedSchema(JsonElement? schema)
    {
        if (schema is not { } value)
        {
            return null;
        }

        if (value.ValueKind is not JsonValueKind.Object)
        {
            throw new ArgumentException($"The schema of a tool's arguments is a JSON object, not {value.ValueKind}.", nameof(Parameters));
        }

        if (value.TryGetProperty("type", out var type) && !(type.ValueKind is JsonValueKind.String && type.ValueEquals("object")))
        {
            throw new ArgumentException(
                $"The arguments of a tool are an object, so the type in their schema is \"object\", not {type.GetRawText()}.", nameof(Parameters));
        }

        return IsDeeper(value, MaxDepth)
            ? throw new ArgumentException($"The schema of a tool's arguments nests more than {MaxDepth} deep.", nameof(Parameters))
            : value.Clone();
    }

    private static bool IsDeeper(JsonElement value, int depth) => depth == 0 || value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().Any(property => IsDeeper(property.Value, depth - 1)),
        JsonValueKind.Array => value.EnumerateArray().Any(item => IsDeeper(item, depth - 1)),
        _ => false,
    };
}
