using System.Text.Json;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Looks into the tokenizer's JSON and turns what the JSON reader finds wrong into what the caller is told.</summary>
internal static class TokenizerJson
{
    /// <summary>
    /// Runs <paramref name="read"/>; what it finds to be no JSON, or not of the expected kind, is said to be so of <paramref name="path"/>.
    /// </summary>
    /// <exception cref="ModelFormatException">The JSON is malformed.</exception>
    public static void Parse(string path, Action read)
    {
        try
        {
            read();
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(path, $"the file is not valid JSON: {e.Message}", innerException: e);
        }
        catch (InvalidOperationException e)
        {
            // What System.Text.Json throws for a value of the wrong kind and for a string that is not valid Unicode.
            throw new ModelFormatException(path, $"the file holds a value that cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <summary>The string 'type' of an object; null where there is none.</summary>
    public static string? TypeOf(JsonElement element)
        => element.ValueKind == JsonValueKind.Object
            && element.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()
            : null;

    /// <summary>Whether a property of an object is true.</summary>
    public static bool IsTrue(JsonElement element, string property, bool ifMissing = false)
        => element.TryGetProperty(property, out JsonElement value) ? value.ValueKind == JsonValueKind.True : ifMissing;

    /// <summary>An element as messages show it.</summary>
    public static string Describe(JsonElement element)
        => element.ValueKind == JsonValueKind.Undefined ? "none" : Shorten(element.GetRawText(), 1000);

    public static string Shorten(string text, int length = 80) => text.Length <= length ? text : text[..length] + "...";
}
