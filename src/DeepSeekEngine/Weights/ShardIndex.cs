using System.Text.Json;

namespace DeepSeekEngine.Weights;

/// <summary>model.safetensors.index.json: which file of the directory holds which tensor.</summary>
internal static class ShardIndex
{
    public const string FileName = "model.safetensors.index.json";

    /// <summary>An index of R1 takes 9 MB.</summary>
    private const int MaximumBytes = 1 << 28;

    /// <summary>The plain file name of the shard each tensor is in.</summary>
    /// <exception cref="ModelFormatException">The index is missing, malformed, empty, or names a file outside its directory.</exception>
    public static Dictionary<string, string> Read(string path)
    {
        JsonElement root = JsonFile.ReadObject(path, MaximumBytes);
        if (!root.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new ModelFormatException(path, "has no object weight_map of tensor names and file names.");
        }

        Dictionary<string, string> shards = new(StringComparer.Ordinal);
        try
        {
            foreach (JsonProperty entry in map.EnumerateObject())
            {
                string? shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
                if (shard is null || !IsPlainFileName(shard))
                {
                    throw new ModelFormatException(
                        path,
                        $"weight_map says {JsonFile.Show(entry.Value)}; expected the plain name of a file in the same directory.",
                        entry.Name);
                }

                shards.Add(entry.Name, shard);
            }
        }
        catch (InvalidOperationException exception)
        {
            throw new ModelFormatException(
                path, $"weight_map holds text that is not valid Unicode: {exception.Message}", innerException: exception);
        }

        return shards.Count > 0 ? shards : throw new ModelFormatException(path, "weight_map is empty.");
    }

    /// <summary>A name that stays in its directory on every operating system.</summary>
    private static bool IsPlainFileName(string name)
        => name.Length is > 0 and <= 255 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
