using System.Buffers.Binary;
using System.Text;
using DeepSeekEngine.Benchmarks.Synthetic;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>Writes a GGUF file (version 3): named values, then tensors, whose synthetic contents are made as they are written.</summary>
internal sealed class GgufWriter
{
    private const int Alignment = 32;
    private const int UInt32Value = 4;
    private const int Float32Value = 6;
    private const int BooleanValue = 7;
    private const int StringValue = 8;
    private const int ChunkBytes = 16 << 20;

    private readonly MemoryStream _values = new();
    private readonly List<(string Name, GgmlType Type, long[] Shape, float? Constant)> _tensors = [];
    private int _valueCount;

    public void Add(string key, int value)
    {
        Key(key, UInt32Value);
        Write(_values, (uint)value);
    }

    public void Add(string key, float value)
    {
        Key(key, Float32Value);
        Write(_values, BitConverter.SingleToUInt32Bits(value));
    }

    public void Add(string key, bool value)
    {
        Key(key, BooleanValue);
        _values.WriteByte(value ? (byte)1 : (byte)0);
    }

    public void Add(string key, string value)
    {
        Key(key, StringValue);
        Write(_values, value);
    }

    /// <param name="shape">The fastest-changing dimension first, as GGUF has it.</param>
    /// <param name="constant">What every value of a float32 tensor is; null for random values.</param>
    public void AddTensor(string name, GgmlType type, float? constant, params long[] shape) => _tensors.Add((name, type, shape, constant));

    public IEnumerable<(string Name, long Bytes)> Tensors => _tensors.Select(tensor => (tensor.Name, ByteLength(tensor.Type, tensor.Shape)));

    public long TensorBytes => _tensors.Sum(tensor => ByteLength(tensor.Type, tensor.Shape));

    public void WriteTo(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        file.Write("GGUF"u8);
        Write(file, 3u);
        Write(file, (ulong)_tensors.Count);
        Write(file, (ulong)_valueCount);
        _values.WriteTo(file);
        long offset = 0;
        foreach (var (name, type, shape, _) in _tensors)
        {
            Write(file, name);
            Write(file, (uint)shape.Length);
            foreach (var size in shape)
            {
                Write(file, (ulong)size);
            }

            Write(file, (uint)type);
            Write(file, (ulong)offset);
            offset += Align(ByteLength(type, shape));
        }

        Pad(file);
        for (var i = 0; i < _tensors.Count; i++)
        {
            WriteTensor(file, _tensors[i].Type, ByteLength(_tensors[i].Type, _tensors[i].Shape), _tensors[i].Constant, (ulong)(i + 1) << 32);
            Pad(file);
        }
    }

    private static long ByteLength(GgmlType type, long[] shape)
        => shape.Aggregate(1L, (product, size) => product * size) / type.BlockElements() * type.BlockBytes();

    private static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void WriteTensor(Stream file, GgmlType type, long bytes, float? constant, ulong seed)
    {
        // Whole blocks of every format.
        var buffer = new byte[(int)Math.Min(bytes, ChunkBytes / 612 * 612)];
        for (var written = 0L; written < bytes; written += buffer.Length, seed += 1 << 16)
        {
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - written));
            Fill(chunk, type, constant, seed);
            file.Write(chunk);
        }
    }

    private static unsafe void Fill(Span<byte> chunk, GgmlType type, float? constant, ulong seed)
    {
        var (mask, set) = constant is { } value
            ? (0UL, BitConverter.SingleToUInt32Bits(value) * 0x1_00000001UL)
            : SyntheticMatrices.Bits(type switch
            {
                GgmlType.F32 => Kernels.WeightEncoding.F32,
                GgmlType.BF16 => Kernels.WeightEncoding.BF16,
                _ => Kernels.WeightEncoding.Int4,
            });
        fixed (byte* pointer = chunk)
        {
            RandomBits.Fill(pointer, chunk.Length, seed, mask, set);
        }

        if (type is GgmlType.Q4_0 or GgmlType.Q8_0)
        {
            var scale = (Half)(type is GgmlType.Q8_0 ? SyntheticMatrices.Int8Scale : SyntheticMatrices.Int4Scale);
            for (var block = 0; block < chunk.Length; block += type.BlockBytes())
            {
                BinaryPrimitives.WriteHalfLittleEndian(chunk[block..], scale);
            }
        }
    }

    private static void Pad(Stream file) => file.Write(new byte[Align(file.Position) - file.Position]);

    private static void Write(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void Write(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void Write(Stream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Write(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private void Key(string key, uint type)
    {
        _valueCount++;
        Write(_values, key);
        Write(_values, type);
    }
}
