using System.Buffers.Binary;
using System.Text.Json;

namespace DeepSeekEngine.Weights;

/// <summary>A tensor of a file to be written.</summary>
internal sealed record TensorPlan(string Name, string DType, long[] Shape, long ByteLength);

/// <summary>
/// Writes a safetensors file whose tensors are known beforehand and whose bytes come in any order. The data begin at a multiple of a
/// page; tensors whose size is a multiple of 64 come first, so that each of them begins at one.
/// </summary>
internal sealed class SafetensorsWriter : IDisposable
{
    private const int PageBytes = 4096;
    private const int LineBytes = 64;

    private readonly FileStream _stream;
    private readonly List<TensorPlan> _tensors;
    private readonly Dictionary<string, long> _begins = new(StringComparer.Ordinal);
    private readonly long _dataBegin;

    /// <param name="metadata">What <see cref="Complete"/> will be given, or anything as long.</param>
    /// <exception cref="IOException">The file exists, cannot be written, or does not fit the disk.</exception>
    public SafetensorsWriter(string path, IEnumerable<TensorPlan> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        _tensors = [.. tensors.OrderBy(tensor => tensor.ByteLength % LineBytes != 0)];
        long end = 0;
        foreach (TensorPlan tensor in _tensors)
        {
            _begins.Add(tensor.Name, end);
            end += tensor.ByteLength;
        }

        _dataBegin = RoundUp(sizeof(ulong) + Header(metadata).Length);

        // Asking for all of the space now lets a full disk be known before hours of work.
        _stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            PreallocationSize = _dataBegin + end,
        });
        try
        {
            RandomAccess.SetLength(_stream.SafeFileHandle, _dataBegin + end);
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>Writes bytes of a tensor from <paramref name="offset"/> on.</summary>
    public void Write(string name, long offset, ReadOnlySpan<byte> bytes)
        => RandomAccess.Write(_stream.SafeFileHandle, bytes, _dataBegin + _begins[name] + offset);

    /// <summary>Writes the header and waits for the disk. Until then, the file is none that can be opened.</summary>
    public void Complete(IReadOnlyDictionary<string, string> metadata)
    {
        byte[] json = Header(metadata);
        byte[] header = new byte[_dataBegin];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(_dataBegin - sizeof(ulong)));
        json.CopyTo(header, sizeof(ulong));
        header.AsSpan(sizeof(ulong) + json.Length).Fill((byte)' ');
        RandomAccess.Write(_stream.SafeFileHandle, header, 0);
        RandomAccess.FlushToDisk(_stream.SafeFileHandle);
    }

    public void Dispose() => _stream.Dispose();

    private byte[] Header(IReadOnlyDictionary<string, string> metadata)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.MetadataName);
            foreach ((string key, string value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            foreach (TensorPlan tensor in _tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType);
                Numbers(json, "shape", tensor.Shape);
                Numbers(json, "data_offsets", [_begins[tensor.Name], _begins[tensor.Name] + tensor.ByteLength]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static void Numbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private static long RoundUp(long bytes) => (bytes + PageBytes - 1) / PageBytes * PageBytes;
}
