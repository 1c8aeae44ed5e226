using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DeepSeekEngine.Testing;

/// <summary>Writes safetensors files, well formed ones from tensors and malformed ones from any header.</summary>
internal sealed class SafetensorsBuilder
{
    private readonly JsonObject _header = [];
    private readonly List<byte> _data = [];

    /// <summary>Appends a tensor whose bytes follow those of the one before it.</summary>
    public SafetensorsBuilder Add(string name, string dtype, long[] shape, ReadOnlySpan<byte> bytes)
    {
        int begin = _data.Count;
        _data.AddRange(bytes);
        _header.Add(name, new JsonObject
        {
            ["dtype"] = dtype,
            ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
            ["data_offsets"] = new JsonArray(begin, _data.Count),
        });
        return this;
    }

    public SafetensorsBuilder Add(string name, long[] shape, params float[] values)
    {
        byte[] bytes = new byte[values.Length * sizeof(float)];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return Add(name, "F32", shape, bytes);
    }

    /// <param name="alignment">The data section begins at a multiple of this in the file, plus <paramref name="offset"/>.</param>
    public byte[] ToBytes(int alignment = 8, int offset = 0)
    {
        string header = _header.ToJsonString(new JsonSerializerOptions());
        int padding = (alignment + offset - (sizeof(ulong) + Encoding.UTF8.GetByteCount(header)) % alignment) % alignment;
        return FromHeader(header + new string(' ', padding), [.. _data]);
    }

    /// <summary>A file with this text for a header, of the right length, whatever it says.</summary>
    public static byte[] FromHeader(string header, params byte[] data) => FromHeader(Encoding.UTF8.GetBytes(header), data);

    public static byte[] FromHeader(byte[] header, byte[] data)
    {
        byte[] file = new byte[sizeof(ulong) + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)header.Length);
        header.CopyTo(file, sizeof(ulong));
        data.CopyTo(file, sizeof(ulong) + header.Length);
        return file;
    }
}
