using System.Text.Json;
using System.Text.Unicode;

namespace DeepSeekEngine.Weights;

/// <summary>Reads a small JSON file of a checkpoint directory without trusting it.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>The root of the file, which is an object.</summary>
    /// <exception cref="ModelFormatException">The file is missing, unreadable, too long or not one JSON object.</exception>
    public static JsonElement ReadObject(string path, int maximumBytes)
    {
        byte[] utf8 = CheckpointFile.ReadBytes(path, maximumBytes);
        if (!Utf8.IsValid(utf8))
        {
            throw new ModelFormatException(path, "is not valid UTF-8; the file is damaged, download it again.");
        }

        JsonElement root;
        try
        {
            root = JsonElement.Parse(utf8, Strict);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException(path, $"is not valid JSON: {exception.Message}", innerException: exception);
        }

        return root.ValueKind == JsonValueKind.Object
            ? root
            : throw new ModelFormatException(path, $"holds a JSON {Kind(root)}; expected an object.");
    }

    /// <summary>What a message calls a value of this kind.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => "null",
    };

    /// <summary>The value as messages quote it.</summary>
    public static string Show(JsonElement value)
    {
        string raw = value.GetRawText();
        return raw.Length <= 80 ? raw : raw[..80] + "...";
    }
}
