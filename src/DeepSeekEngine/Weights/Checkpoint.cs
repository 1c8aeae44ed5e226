using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Weights;

/// <summary>
/// The tensors of a checkpoint directory by name, from model.safetensors or from the shards model.safetensors.index.json lists, all mapped.
/// Matrices are views into the mapping and vectors are copies; views die with this object.
/// Everything but Dispose may be called by many threads.
/// </summary>
internal sealed unsafe class Checkpoint : IWeightSource, IDisposable
{
    private const string SingleFileName = "model.safetensors";
    private const string ScaleSuffix = "_scale_inv";

    private readonly string _directory;
    private readonly Fp8Quantization? _fp8;
    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, (SafetensorsFile File, TensorEntry Entry)> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, nint> _copiedScales = new(StringComparer.Ordinal);
    private readonly Lock _copying = new();
    private Packing? _packing;
    private bool _disposed;

    private Checkpoint(string directory, Fp8Quantization? fp8)
    {
        _directory = directory;
        _fp8 = fp8;
    }

    /// <summary>Bytes of all tensors together.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Whether what is used of it is more than memory holds; matrices say so of themselves from then on.</summary>
    public bool IsPaged { get; set; }

    /// <param name="directory">A Hugging Face checkpoint directory; its files may be symbolic links.</param>
    /// <param name="fp8">The quantization_config of the checkpoint's config.json; null where it has none.</param>
    /// <exception cref="ModelFormatException">A file is missing, unreadable, malformed or contradicts another.</exception>
    public static Checkpoint Open(string directory, Fp8Quantization? fp8)
    {
        if (!Directory.Exists(directory))
        {
            throw new ModelFormatException(directory, "is not a directory; expected one holding config.json and safetensors files.");
        }

        Checkpoint checkpoint = new(directory, fp8);
        try
        {
            string index = Path.Combine(directory, ShardIndex.FileName);
            string single = Path.Combine(directory, SingleFileName);
            if (File.Exists(index))
            {
                checkpoint.AddShards(index);
            }
            else if (File.Exists(single))
            {
                SafetensorsFile file = checkpoint.AddFile(single);
                foreach ((string name, TensorEntry entry) in file.Tensors)
                {
                    checkpoint.AddTensor(name, file, entry);
                }
            }
            else
            {
                throw new ModelFormatException(
                    directory,
                    $"has neither {SingleFileName} nor {ShardIndex.FileName}. "
                    + "Download the checkpoint's safetensors files; PyTorch .bin and GGUF files are not read.");
            }

            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>The file a tensor is in.</summary>
    public string PathOf(string name) => Find(name).File.Path;

    /// <summary>What all packed tensors of the checkpoint were packed to; <see cref="WeightFormat.AsStored"/> where none is packed.</summary>
    public WeightFormat PackedFormat { get; private set; }

    /// <summary>
    /// The format the large matrices are computed from where <paramref name="asked"/> is asked for; <see cref="WeightFormat.Auto"/>, where
    /// nothing is packed, is left to be decided.
    /// </summary>
    /// <exception cref="UnsupportedModelException">The checkpoint is packed to another.</exception>
    public WeightFormat FormatFor(WeightFormat asked)
    {
        if (PackedFormat == WeightFormat.AsStored || PackedFormat == asked)
        {
            return asked;
        }

        return asked is WeightFormat.AsStored or WeightFormat.Auto
            ? PackedFormat
            : throw new UnsupportedModelException(
                _directory,
                $"the checkpoint is packed to {PackedFormat} and {asked} is asked for; load it with {nameof(WeightFormat)}."
                + $"{nameof(WeightFormat.AsStored)}, or load or pack the original.");
    }

    /// <summary>The tensors in the order of their files' names and of their bytes in them.</summary>
    public IEnumerable<(string Name, TensorEntry Entry)> Tensors
        => _tensors.OrderBy(t => t.Value.File.Path, StringComparer.Ordinal).ThenBy(t => t.Value.Entry.Begin).ThenBy(t => t.Key, StringComparer.Ordinal)
            .Select(t => (t.Key, t.Value.Entry));

    /// <summary>The scales an FP8 matrix of that name has.</summary>
    public static string ScalesOf(string name) => name + ScaleSuffix;

    /// <summary>Whether it is the name of an FP8 matrix' scales.</summary>
    public static bool IsScales(string name) => name.EndsWith(ScaleSuffix, StringComparison.Ordinal);

    /// <summary>What the tensor of that name is packed as; null for one that is not.</summary>
    public PackedMatrix? PackedMatrixOf(string name) => Find(name).File.Packing?.Matrices.GetValueOrDefault(name);

    /// <summary>How the matrix [rows, columns] of that name is stored. Reads headers only.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing, or its shape, type or scales are not as config.json says.</exception>
    public WeightEncoding EncodingOf(string name, int rows, int columns)
    {
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        if (PackedMatrixOf(name) is { } packed)
        {
            return (packed.Rows, packed.Columns) == (rows, columns)
                ? packed.Encoding
                : throw new ModelFormatException(
                    file.Path, $"is packed [{packed.Rows}, {packed.Columns}]; expected [{rows}, {columns}], as config.json says.", name);
        }

        RequireShape(name, file, entry, rows, columns);
        WeightEncoding encoding = entry.DType switch
        {
            "F32" => WeightEncoding.F32,
            "F16" => WeightEncoding.F16,
            "BF16" => WeightEncoding.BF16,
            "F8_E4M3" => WeightEncoding.F8E4M3,
            _ => throw new ModelFormatException(file.Path, $"has dtype {entry.DType}; expected F32, F16, BF16 or F8_E4M3.", name),
        };
        if (encoding == WeightEncoding.F8E4M3)
        {
            CheckScales(name, file, rows, columns);
        }

        return encoding;
    }

    /// <summary>Bytes the tensor takes in its file, with its scales where it has some.</summary>
    public long SizeOf(string name)
        => Find(name).Entry.ByteLength
            + (_tensors.TryGetValue(ScalesOf(name), out (SafetensorsFile File, TensorEntry Entry) scales) ? scales.Entry.ByteLength : 0);

    /// <summary>Takes the tensor's pages out of this process's memory.</summary>
    public void Release(string name) => Bytes(name).Release();

    /// <summary>The matrix [rows, columns] of that name, with its scales where it is FP8. Valid until this is disposed.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing, or its shape, type or scales are not as config.json says.</exception>
    public WeightMatrix Matrix(string name, int rows, int columns)
    {
        WeightEncoding encoding = EncodingOf(name, rows, columns);
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        WeightMatrix matrix = new() { Encoding = encoding, Rows = rows, Columns = columns, Data = file.Data(entry), IsPaged = IsPaged };
        if (encoding != WeightEncoding.F8E4M3)
        {
            return matrix;
        }

        matrix = matrix with { BlockRows = _fp8!.BlockRows, BlockColumns = _fp8.BlockColumns };
        return matrix with { Scales = Scales(ScalesOf(name), matrix.ScaleRows, matrix.ScaleColumns) };
    }

    /// <summary>The bytes of a tensor, as they are in its file. Valid until this is disposed.</summary>
    public MappedBytes Bytes(string name)
    {
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        return new MappedBytes(file.Data(entry), entry.ByteLength);
    }

    /// <summary>The vector [length] of that name, converted to float32.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape or type is not what config.json says.</exception>
    public float[] Vector(string name, int length)
    {
        CheckVector(name, length);
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        float[] vector = new float[length];
        Decode(name, file, entry, vector);
        return vector;
    }

    /// <summary>That there is a vector [length] of that name. Reads headers only.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape or type is not what config.json says.</exception>
    public void CheckVector(string name, int length)
    {
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        RequireShape(name, file, entry, length);
        RequireSmall(name, file, entry);
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (SafetensorsFile file in _files)
        {
            file.Dispose();
        }

        foreach (nint scales in _copiedScales.Values)
        {
            NativeMemory.Free((void*)scales);
        }
    }

    private void AddShards(string index)
    {
        Dictionary<string, string> shardOf = ShardIndex.Read(index);
        Dictionary<string, SafetensorsFile> shards = new(StringComparer.Ordinal);
        Dictionary<string, SafetensorsFile> holder = new(StringComparer.Ordinal);
        foreach (string shard in shardOf.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            SafetensorsFile file = AddFile(Path.Combine(_directory, shard));
            shards.Add(shard, file);
            foreach (string name in file.Tensors.Keys)
            {
                if (!holder.TryAdd(name, file))
                {
                    throw new ModelFormatException(
                        file.Path, $"is also in {Path.GetFileName(holder[name].Path)}; a tensor must be in one shard.", name);
                }
            }
        }

        foreach ((string name, string shard) in shardOf)
        {
            SafetensorsFile file = shards[shard];
            if (!file.Tensors.TryGetValue(name, out TensorEntry? entry))
            {
                throw new ModelFormatException(file.Path, $"is not in this file, where {ShardIndex.FileName} says it is.", name);
            }

            AddTensor(name, file, entry);
        }
    }

    private SafetensorsFile AddFile(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _files.Add(file);
        if (file.Packing is { } packing)
        {
            _packing ??= packing;
            PackedFormat = packing.Format;
            if ((packing.Format, packing.SourceHash) != (_packing.Format, _packing.SourceHash))
            {
                throw new ModelFormatException(
                    path, "was packed from another checkpoint or to another format than the files before it; copy the packed checkpoint again.");
            }
        }

        return file;
    }

    private void AddTensor(string name, SafetensorsFile file, TensorEntry entry)
    {
        _tensors.Add(name, (file, entry));
        TotalBytes = checked(TotalBytes + entry.ByteLength);
    }

    private (SafetensorsFile File, TensorEntry Entry) Find(string name)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _tensors.TryGetValue(name, out (SafetensorsFile, TensorEntry) found)
            ? found
            : throw new ModelFormatException(
                _directory, "is missing; config.json calls for it, so the checkpoint is incomplete or of another model.", name);
    }

    private static void RequireShape(string name, SafetensorsFile file, TensorEntry entry, params ReadOnlySpan<long> expected)
    {
        if (!entry.HasShape(expected))
        {
            throw new ModelFormatException(
                file.Path, $"has shape {entry.ShapeText}; expected [{string.Join(", ", expected.ToArray())}], as config.json says.", name);
        }
    }

    /// <summary>What is read whole must be addressable by a span.</summary>
    private static void RequireSmall(string name, SafetensorsFile file, TensorEntry entry)
    {
        if (entry.ByteLength > int.MaxValue / 2)
        {
            throw new ModelFormatException(
                file.Path, $"has {entry.ByteLength:N0} bytes; expected fewer than {int.MaxValue / 2:N0} of a vector or scales.", name);
        }
    }

    private void CheckScales(string matrix, SafetensorsFile matrixFile, int rows, int columns)
    {
        if (_fp8 is null)
        {
            throw new ModelFormatException(
                matrixFile.Path, "is F8_E4M3 and config.json has no quantization_config that says what its scales mean.", matrix);
        }

        string name = ScalesOf(matrix);
        if (!Contains(name))
        {
            throw new ModelFormatException(matrixFile.Path, $"is F8_E4M3 and its scales '{name}' are missing.", matrix);
        }

        (SafetensorsFile file, TensorEntry entry) = Find(name);
        WeightMatrix shape = new()
        {
            Encoding = WeightEncoding.F8E4M3, Rows = rows, Columns = columns, Data = null, BlockRows = _fp8.BlockRows, BlockColumns = _fp8.BlockColumns,
        };
        RequireShape(name, file, entry, shape.ScaleRows, shape.ScaleColumns);
        RequireSmall(name, file, entry);
    }

    /// <summary>[rows, columns] finite float32 scales: in place where stored so and aligned, else a copy this object owns.</summary>
    private float* Scales(string name, int rows, int columns)
    {
        (SafetensorsFile file, TensorEntry entry) = Find(name);
        int count = rows * columns;
        float* scales = (float*)file.Data(entry);
        if (entry.DType != "F32" || (nuint)scales % sizeof(float) != 0)
        {
            scales = CopiedScales(name, file, entry, count);
        }

        ReadOnlySpan<float> values = new(scales, count);
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new ModelFormatException(
                    file.Path, $"scale [{i / columns}, {i % columns}] is {values[i]}; expected a finite number.", name);
            }
        }

        return scales;
    }

    private float* CopiedScales(string name, SafetensorsFile file, TensorEntry entry, int count)
    {
        lock (_copying)
        {
            if (!_copiedScales.TryGetValue(name, out nint copy))
            {
                float[] decoded = new float[count];
                Decode(name, file, entry, decoded);
                copy = (nint)NativeMemory.Alloc((nuint)count, sizeof(float));
                decoded.CopyTo(new Span<float>((void*)copy, count));
                _copiedScales.Add(name, copy);
            }

            return (float*)copy;
        }
    }

    private static void Decode(string name, SafetensorsFile file, TensorEntry entry, Span<float> destination)
    {
        ReadOnlySpan<byte> bytes = new(file.Data(entry), (int)entry.ByteLength);
        switch (entry.DType)
        {
            case "F32":
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case "F16":
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)MemoryMarshal.Read<Half>(bytes[(2 * i)..]);
                }

                break;
            case "BF16":
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = BitConverter.Int32BitsToSingle(MemoryMarshal.Read<ushort>(bytes[(2 * i)..]) << 16);
                }

                break;
            default:
                throw new ModelFormatException(file.Path, $"has dtype {entry.DType}; expected F32, F16 or BF16.", name);
        }
    }
}
