using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Weights;

/// <summary>
/// One run of <see cref="ModelPacker"/>. Each byte of the source is read once, in the order of its files, hashed, and written as it is
/// or quantised a slice at a time, so that memory does not grow with the checkpoint.
/// </summary>
/// <param name="shardBytes">What a file of the result holds at most, unless a single tensor is larger.</param>
internal sealed unsafe class PackedCheckpointWriter(
    string source, string destination, WeightFormat format, IProgress<PackProgress>? progress, CancellationToken cancellationToken,
    long shardBytes = 4L << 30)
{
    private const int SliceBytes = 16 << 20;
    private const string SingleFileName = "model.safetensors";

    /// <summary>Of the length of a real one: the header's length must be known before the hash is.</summary>
    private static readonly string NoHash = new('0', 2 * SHA256.HashSizeInBytes);

    private static readonly string[] CopiedExtensions = [".json", ".jinja", ".txt", ".model", ".tiktoken", ".md", ".py"];

    private readonly QuantizationPolicy _policy = QuantizationPolicy.For(format);
    private readonly ParallelQuantizer _quantizer = new(Environment.ProcessorCount, cancellationToken);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public void Write()
    {
        if (Path.Exists(destination))
        {
            throw new IOException($"'{destination}' exists and is not overwritten; choose another directory, or delete it first.");
        }

        ModelConfig config = ModelConfigReader.Read(source);
        using Checkpoint checkpoint = Checkpoint.Open(source, config.Fp8);
        if (checkpoint.PackedFormat != WeightFormat.AsStored)
        {
            throw new UnsupportedModelException(
                source, $"the checkpoint is packed to {checkpoint.PackedFormat} already; pack the original it was made from.");
        }

        // A checkpoint that would not load is refused before anything is written.
        _ = MemoryMeter.Measure(
            checkpoint, _policy, config, StepLimits.For(new EngineOptions(), config), Placement.OneDevice, onProcessor: true,
            CachePrecision.Float32, threads: 1);
        string unfinished = $"{destination}.{Guid.NewGuid():N}.unfinished";
        try
        {
            Directory.CreateDirectory(unfinished);
            WriteShards(checkpoint, unfinished);
            CopyOtherFiles(unfinished);
            Directory.Move(unfinished, destination);
        }
        catch
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }

            throw;
        }
        finally
        {
            _hash.Dispose();
        }
    }

    private void WriteShards(Checkpoint checkpoint, string directory)
    {
        List<List<Piece>> shards = Plan(checkpoint);
        string[] names = [.. shards.Select((_, i) => shards.Count == 1
            ? SingleFileName
            : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors"))];
        List<SafetensorsWriter> writers = [];
        long done = 0;
        try
        {
            for (int i = 0; i < shards.Count; i++)
            {
                SafetensorsWriter writer = new(Path.Combine(directory, names[i]), shards[i].Select(piece => piece.Plan).OfType<TensorPlan>(), Metadata(shards[i], NoHash));
                writers.Add(writer);
                foreach (Piece piece in shards[i])
                {
                    WritePiece(checkpoint, piece, writer);
                    done += piece.Entry.ByteLength;
                    progress?.Report(new PackProgress(done, checkpoint.TotalBytes));
                }
            }

            string hash = Convert.ToHexStringLower(_hash.GetHashAndReset());
            for (int i = 0; i < shards.Count; i++)
            {
                writers[i].Complete(Metadata(shards[i], hash));
            }
        }
        finally
        {
            writers.ForEach(writer => writer.Dispose());
        }

        if (shards.Count > 1)
        {
            WriteIndex(Path.Combine(directory, ShardIndex.FileName), shards, names);
        }
    }

    private Dictionary<string, string> Metadata(List<Piece> shard, string hash)
        => Packing.Write(format, hash, shard.Where(piece => piece.Packed is not null)
            .Select(piece => KeyValuePair.Create(piece.Name, piece.Packed!)));

    /// <summary>The source's tensors in order, in shards of the result. Scales of what is quantised are in it, and lead to nothing.</summary>
    private List<List<Piece>> Plan(Checkpoint checkpoint)
    {
        Dictionary<string, Piece> pieces = new(StringComparer.Ordinal);
        HashSet<string> decodedScales = new(StringComparer.Ordinal);
        foreach ((string name, TensorEntry entry) in checkpoint.Tensors)
        {
            PackedMatrix? packed = Target(checkpoint, name, entry);
            pieces.Add(name, new Piece(name, entry, packed, packed is null
                ? new TensorPlan(name, entry.DType, entry.Shape, entry.ByteLength)
                : new TensorPlan(
                    name, "U8", [PackedLayout.Panels(packed.Rows), PackedLayout.PanelBytes(packed.Encoding, packed.Columns)], packed.ByteLength)));
            if (packed is not null)
            {
                decodedScales.Add(Checkpoint.ScalesOf(name));
            }
        }

        List<List<Piece>> shards = [[]];
        long room = shardBytes;
        foreach (Piece listed in pieces.Values)
        {
            Piece piece = decodedScales.Contains(listed.Name) ? listed with { Plan = null } : listed;
            long bytes = piece.Plan?.ByteLength ?? 0;
            if (bytes > Math.Max(room, 0) && shards[^1].Count > 0)
            {
                shards.Add([]);
                room = shardBytes;
            }

            shards[^1].Add(piece);
            room -= bytes;
        }

        return shards;
    }

    private PackedMatrix? Target(Checkpoint checkpoint, string name, TensorEntry entry)
    {
        if (entry.Shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue] || TensorRoles.Of(name) == TensorRole.Other)
        {
            return null;
        }

        (int rows, int columns) = ((int)entry.Shape[0], (int)entry.Shape[1]);
        WeightEncoding stored = checkpoint.EncodingOf(name, rows, columns);
        WeightEncoding encoding = _policy.EncodingOf(name, stored);
        return encoding == stored ? null : new PackedMatrix(encoding, rows, columns);
    }

    private void WritePiece(Checkpoint checkpoint, Piece piece, SafetensorsWriter writer)
    {
        MappedBytes bytes = checkpoint.Bytes(piece.Name);
        _hash.AppendData(Encoding.UTF8.GetBytes($"{piece.Name} {piece.Entry.DType} {piece.Entry.ShapeText}\n"));
        for (long offset = 0; offset < bytes.Length; offset += SliceBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> slice = new(bytes.Data + offset, (int)Math.Min(SliceBytes, bytes.Length - offset));
            _hash.AppendData(slice);
            if (piece is { Plan: not null, Packed: null })
            {
                writer.Write(piece.Name, offset, slice);
            }
        }

        if (piece is { Plan: not null, Packed: { } packed })
        {
            WritePacked(checkpoint, piece.Name, packed, writer);
        }

        bytes.Release();
    }

    private void WritePacked(Checkpoint checkpoint, string name, PackedMatrix packed, SafetensorsWriter writer)
    {
        WeightMatrix matrix = checkpoint.Matrix(name, packed.Rows, packed.Columns);
        long panelBytes = PackedLayout.PanelBytes(packed.Encoding, packed.Columns);
        int panels = PackedLayout.Panels(packed.Rows);
        int atOnce = (int)Math.Clamp(SliceBytes / panelBytes, 1, panels);
        using NativeBuffer slice = new(checked(atOnce * panelBytes));
        for (int first = 0; first < panels; first += atOnce)
        {
            int count = Math.Min(atOnce, panels - first);
            try
            {
                _quantizer.Quantize(matrix, packed.Encoding, first, count, slice.Pointer - (first * panelBytes));
            }
            catch (NotFiniteNumberException exception)
            {
                throw new ModelFormatException(checkpoint.PathOf(name), exception.Message, name, exception);
            }

            writer.Write(name, first * panelBytes, new ReadOnlySpan<byte>(slice.Pointer, checked((int)(count * panelBytes))));
        }
    }

    private static void WriteIndex(string path, List<List<Piece>> shards, string[] names)
    {
        using FileStream stream = new(path, FileMode.CreateNew);
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(piece => piece.Plan?.ByteLength ?? 0)));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach ((List<Piece> shard, string name) in shards.Zip(names))
        {
            foreach (Piece piece in shard.Where(piece => piece.Plan is not null))
            {
                json.WriteString(piece.Name, name);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void CopyOtherFiles(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(source))
        {
            string name = Path.GetFileName(path);
            bool wanted = CopiedExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase)
                || name.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase);
            if (wanted && name != ShardIndex.FileName)
            {
                cancellationToken.ThrowIfCancellationRequested();
                File.Copy(path, Path.Combine(directory, name));
            }
        }
    }

    /// <summary>A tensor of the source, and what it becomes.</summary>
    /// <param name="Packed">Null for one that stays as it is.</param>
    /// <param name="Plan">Null for one that is not in the result.</param>
    private sealed record Piece(string Name, TensorEntry Entry, PackedMatrix? Packed, TensorPlan? Plan);
}
