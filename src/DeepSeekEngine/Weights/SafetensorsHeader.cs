using System.Text.Json;
using System.Text.Unicode;

namespace DeepSeekEngine.Weights;

/// <summary>
/// The JSON header of a safetensors file:
/// { "name": { "dtype": text, "shape": [sizes], "data_offsets": [begin, end] }, ..., "__metadata__": { text: text } }.
/// Offsets count from the end of the header. As the format demands, the tensors cover the data section without overlap, hole or rest.
/// </summary>
/// <param name="Tensors">The tensors by name.</param>
/// <param name="Metadata">What the file says of itself; empty where it says nothing.</param>
internal sealed record SafetensorsHeader(
    IReadOnlyDictionary<string, TensorEntry> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    public const string MetadataName = "__metadata__";

    private const int MaximumDimensions = 8;

    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataBegin">Where in the file the data section begins.</param>
    /// <param name="fileLength">Where it ends.</param>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataBegin, long fileLength)
    {
        if (!Utf8.IsValid(json))
        {
            throw new ModelFormatException(path, "the header is not valid UTF-8.");
        }

        Dictionary<string, TensorEntry> tensors = new(StringComparer.Ordinal);
        Dictionary<string, string>? metadata = null;
        try
        {
            Utf8JsonReader reader = new(json);
            reader.Read();
            Expect(path, null, ref reader, JsonTokenType.StartObject, "the header", "an object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                reader.Read();
                if (name == MetadataName)
                {
                    metadata = metadata is null
                        ? ParseMetadata(path, ref reader)
                        : throw new ModelFormatException(path, $"the header has two {MetadataName} entries.");
                }
                else if (!tensors.TryAdd(name, ParseEntry(path, name, ref reader, dataBegin, fileLength)))
                {
                    throw new ModelFormatException(path, "is listed twice in the header.", name);
                }
            }

            reader.Read(); // Throws on anything but white space after the object.
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException(path, $"the header is not valid JSON: {exception.Message}", innerException: exception);
        }

        CheckCoverage(path, tensors, dataBegin, fileLength);
        return new SafetensorsHeader(tensors, metadata ?? []);
    }

    private static Dictionary<string, string> ParseMetadata(string path, ref Utf8JsonReader reader)
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);
        Expect(path, null, ref reader, JsonTokenType.StartObject, MetadataName, "an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            Expect(path, null, ref reader, JsonTokenType.String, $"a value of {MetadataName}", "a string");
            if (!metadata.TryAdd(key, reader.GetString()!))
            {
                throw new ModelFormatException(path, $"{MetadataName} has '{Shorten(key)}' twice.");
            }
        }

        return metadata;
    }

    private static TensorEntry ParseEntry(string path, string name, ref Utf8JsonReader reader, long dataBegin, long fileLength)
    {
        Expect(path, name, ref reader, JsonTokenType.StartObject, "the header's entry", "an object");
        string? dtype = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            bool again;
            switch (field)
            {
                case "dtype":
                    again = dtype is not null;
                    Expect(path, name, ref reader, JsonTokenType.String, "dtype", "a string");
                    dtype = reader.GetString()!;
                    break;
                case "shape":
                    again = shape is not null;
                    shape = ParseSizes(path, name, field, ref reader, MaximumDimensions);
                    break;
                case "data_offsets":
                    again = offsets is not null;
                    offsets = ParseSizes(path, name, field, ref reader, 2);
                    break;
                default:
                    again = false;
                    reader.Skip();
                    break;
            }

            if (again)
            {
                throw new ModelFormatException(path, $"the header's entry has {field} twice.", name);
            }
        }

        if (dtype is null || shape is null || offsets is not [long begin, long end])
        {
            throw new ModelFormatException(path, "the header's entry needs dtype, shape and data_offsets [begin, end].", name);
        }

        if (begin > end || end > fileLength - dataBegin)
        {
            throw new ModelFormatException(
                path,
                $"data_offsets are [{begin}, {end}] and the file has {fileLength - dataBegin} bytes of data; "
                + "it is truncated or damaged, download it again.",
                name);
        }

        TensorEntry entry = new(dtype, shape, dataBegin + begin, end - begin);
        if (BytesNeeded(path, name, entry) is long needed && needed != entry.ByteLength)
        {
            throw new ModelFormatException(
                path, $"{dtype} {entry.ShapeText} needs {needed} bytes and data_offsets give it {entry.ByteLength}.", name);
        }

        return entry;
    }

    private static long BytesNeeded(string path, string name, TensorEntry entry)
    {
        int bits = TensorEntry.BitsOf(entry.DType);
        if (bits == 0)
        {
            throw new ModelFormatException(path, $"has the unknown dtype '{Shorten(entry.DType)}'.", name);
        }

        try
        {
            long total = bits;
            foreach (long size in entry.Shape)
            {
                total = checked(total * size);
            }

            return total % 8 == 0
                ? total / 8
                : throw new ModelFormatException(path, $"{entry.DType} {entry.ShapeText} is not a whole number of bytes.", name);
        }
        catch (OverflowException exception)
        {
            throw new ModelFormatException(path, $"the shape {entry.ShapeText} overflows 64 bits.", name, exception);
        }
    }

    private static long[] ParseSizes(string path, string name, string field, ref Utf8JsonReader reader, int maximumCount)
    {
        Expect(path, name, ref reader, JsonTokenType.StartArray, field, "an array");
        Span<long> sizes = stackalloc long[MaximumDimensions];
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (count == maximumCount)
            {
                throw new ModelFormatException(path, $"{field} has more than {maximumCount} numbers.", name);
            }

            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out sizes[count]) || sizes[count] < 0)
            {
                throw new ModelFormatException(path, $"{field} has an element that is not an integer from 0 to 2^63 - 1.", name);
            }

            count++;
        }

        return sizes[..count].ToArray();
    }

    private static void CheckCoverage(string path, Dictionary<string, TensorEntry> tensors, long dataBegin, long fileLength)
    {
        KeyValuePair<string, TensorEntry>[] ordered = [.. tensors];
        Array.Sort(ordered, static (a, b) => (a.Value.Begin, a.Value.ByteLength).CompareTo((b.Value.Begin, b.Value.ByteLength)));
        long end = dataBegin;
        foreach ((string name, TensorEntry entry) in ordered)
        {
            if (entry.Begin != end)
            {
                string fault = entry.Begin < end ? "overlaps the tensor before it" : "leaves a hole before it";
                throw new ModelFormatException(
                    path, $"begins at byte {entry.Begin - dataBegin} of the data, which {fault}, ending at {end - dataBegin}.", name);
            }

            end += entry.ByteLength;
        }

        if (end != fileLength)
        {
            throw new ModelFormatException(
                path, $"has {fileLength - end} bytes after its last tensor; the file is damaged, download it again.");
        }
    }

    private static void Expect(string path, string? tensor, ref Utf8JsonReader reader, JsonTokenType expected, string what, string article)
    {
        if (reader.TokenType != expected)
        {
            throw new ModelFormatException(path, $"{what} is not {article}.", tensor);
        }
    }

    private static string Shorten(string text) => text.Length <= 32 ? text : text[..32] + "...";
}
