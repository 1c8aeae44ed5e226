using System.Globalization;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Weights;

/// <summary>
/// What the __metadata__ of a packed safetensors file says. A packed matrix is a U8 tensor under the name it has in the source; its own
/// encoding and shape are an entry here, so that the file stays one any safetensors reader opens.
/// </summary>
/// <param name="Format">The format the checkpoint was packed to.</param>
/// <param name="SourceHash">SHA-256, in hexadecimal, of the tensors it was packed from.</param>
/// <param name="Matrices">The packed matrices by name.</param>
internal sealed record Packing(WeightFormat Format, string SourceHash, IReadOnlyDictionary<string, PackedMatrix> Matrices)
{
    private const string LayoutKey = "deepseek_engine.layout";
    private const string FormatKey = "deepseek_engine.format";
    private const string SourceKey = "deepseek_engine.source_sha256";
    private const string ToolKey = "deepseek_engine.packed_by";
    private const string MatrixPrefix = "deepseek_engine.matrix.";
    private const string Advice = "pack the original checkpoint again with 'deepseek pack'.";
    private const int HashDigits = 64;

    /// <summary>The packing a header speaks of, checked against its tensors; null where it speaks of none.</summary>
    /// <exception cref="ModelFormatException">It is of another layout version, or contradicts the tensors.</exception>
    public static Packing? Read(string path, SafetensorsHeader header)
    {
        IReadOnlyDictionary<string, string> metadata = header.Metadata;
        if (!metadata.TryGetValue(LayoutKey, out string? layout))
        {
            return null;
        }

        if (layout != PackedLayout.Version.ToString(CultureInfo.InvariantCulture))
        {
            throw new ModelFormatException(
                path, $"is packed in layout '{Shorten(layout)}' and this version reads layout {PackedLayout.Version}; {Advice}");
        }

        if (ParseFormat(metadata.GetValueOrDefault(FormatKey)) is not { } format)
        {
            throw new ModelFormatException(path, $"{FormatKey} is '{Shorten(metadata.GetValueOrDefault(FormatKey))}'; expected int8 or int4; {Advice}");
        }

        string hash = metadata.GetValueOrDefault(SourceKey) ?? "";
        if (hash.Length != HashDigits || hash.AsSpan().ContainsAnyExcept("0123456789abcdef"))
        {
            throw new ModelFormatException(path, $"{SourceKey} is '{Shorten(hash)}'; expected {HashDigits} hexadecimal digits; {Advice}");
        }

        Dictionary<string, PackedMatrix> matrices = new(StringComparer.Ordinal);
        foreach ((string key, string value) in metadata)
        {
            if (key.StartsWith(MatrixPrefix, StringComparison.Ordinal))
            {
                string name = key[MatrixPrefix.Length..];
                matrices.Add(name, ReadMatrix(path, name, value, header.Tensors.GetValueOrDefault(name)));
            }
        }

        return new Packing(format, hash, matrices);
    }

    /// <summary>The entries <see cref="Read"/> understands. "format" is what Hugging Face's tools look for.</summary>
    public static Dictionary<string, string> Write(
        WeightFormat format, string sourceHash, IEnumerable<KeyValuePair<string, PackedMatrix>> matrices)
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal)
        {
            ["format"] = "pt",
            [LayoutKey] = PackedLayout.Version.ToString(CultureInfo.InvariantCulture),
            [FormatKey] = format == WeightFormat.Int8 ? "int8" : "int4",
            [SourceKey] = sourceHash,
            [ToolKey] = $"DeepSeekEngine {typeof(Packing).Assembly.GetName().Version?.ToString(3)}",
        };
        foreach ((string name, PackedMatrix matrix) in matrices)
        {
            string encoding = matrix.Encoding == WeightEncoding.Int8 ? "int8" : "int4";
            metadata.Add(MatrixPrefix + name, string.Create(CultureInfo.InvariantCulture, $"{encoding} {matrix.Rows} {matrix.Columns}"));
        }

        return metadata;
    }

    private static PackedMatrix ReadMatrix(string path, string name, string text, TensorEntry? entry)
    {
        string[] words = text.Split(' ');
        if (words.Length != 3 || ParseFormat(words[0]) is not { } format
            || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rows) || rows == 0
            || !int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out int columns) || columns == 0)
        {
            throw new ModelFormatException(path, $"is said to be '{Shorten(text)}'; expected an encoding, rows and columns; {Advice}", name);
        }

        if (entry is null)
        {
            throw new ModelFormatException(path, $"is listed as packed and is not in the file; {Advice}", name);
        }

        PackedMatrix matrix = new(format == WeightFormat.Int8 ? WeightEncoding.Int8 : WeightEncoding.Int4, rows, columns);
        if (entry.DType != "U8" || entry.ByteLength != BytesOf(matrix))
        {
            throw new ModelFormatException(
                path, $"is {entry.DType} of {entry.ByteLength:N0} bytes, which is not {matrix.Encoding} of {rows} x {columns}; {Advice}", name);
        }

        return entry.Begin % PackedLayout.Alignment == 0
            ? matrix
            : throw new ModelFormatException(
                path, $"begins at byte {entry.Begin}, which is no multiple of {PackedLayout.Alignment}: another program wrote the file; {Advice}", name);
    }

    /// <summary>Null where that is more than a file can have.</summary>
    private static long? BytesOf(PackedMatrix matrix)
    {
        try
        {
            return matrix.ByteLength;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static WeightFormat? ParseFormat(string? text) => text switch
    {
        "int8" => WeightFormat.Int8,
        "int4" => WeightFormat.Int4,
        _ => null,
    };

    private static string Shorten(string? text) => text is null or { Length: <= 40 } ? text ?? "" : text[..40] + "...";
}

/// <summary>A matrix [Rows, Columns] (out, in) in the panels of <see cref="PackedLayout"/>.</summary>
internal sealed record PackedMatrix(WeightEncoding Encoding, int Rows, int Columns)
{
    public long ByteLength => PackedLayout.ByteLength(Encoding, Rows, Columns);
}
