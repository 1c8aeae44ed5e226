using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace DeepSeekEngine.Weights;

/// <summary>
/// One safetensors file, mapped read-only: a u64 little-endian header length, the header, the tensors' bytes.
/// Opening reads the header alone; data pages come in when they are touched.
/// </summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    /// <summary>The format's own limit.</summary>
    private const long MaximumHeaderBytes = 100_000_000;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _bytes;

    private SafetensorsFile(string path)
    {
        Path = path;
        long length;
        try
        {
            FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                length = stream.Length;
                if (length < sizeof(ulong))
                {
                    throw new ModelFormatException(path, $"has {length} bytes; a safetensors file has at least 8. Download it again.");
                }

                _file = MemoryMappedFile.CreateFromFile(
                    stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            }
            catch
            {
                stream.Dispose();
                throw;
            }

            try
            {
                _view = _file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            }
            catch
            {
                _file.Dispose();
                throw;
            }
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(path, "does not exist; the download is incomplete.", innerException: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFormatException(path, $"cannot be mapped: {exception.Message}", innerException: exception);
        }

        try
        {
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
            SafetensorsHeader header = ReadHeader(length);
            Tensors = header.Tensors;
            Packing = Packing.Read(path, header);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>How the packed tensors of the file were made; null for a file that has none.</summary>
    public Packing? Packing { get; }

    /// <exception cref="ModelFormatException">The file is missing, truncated or malformed.</exception>
    public static SafetensorsFile Open(string path) => new(path);

    /// <summary>The first of the entry's ByteLength bytes; not aligned. Valid until this is disposed.</summary>
    public byte* Data(TensorEntry entry)
    {
        ObjectDisposedException.ThrowIf(_bytes is null, this);
        return _bytes + entry.Begin;
    }

    public void Dispose()
    {
        if (_bytes is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _bytes = null;
        }

        _view.Dispose();
        _file.Dispose();
    }

    private SafetensorsHeader ReadHeader(long fileLength)
    {
        ulong stated = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_bytes, sizeof(ulong)));
        long available = fileLength - sizeof(ulong);
        if (stated == 0 || stated > (ulong)Math.Min(available, MaximumHeaderBytes))
        {
            throw new ModelFormatException(
                Path,
                $"states a header of {stated} bytes; expected from 1 to {Math.Min(available, MaximumHeaderBytes)}. "
                + "The file is truncated, damaged or not a safetensors file (a Git LFS pointer, perhaps).");
        }

        ReadOnlySpan<byte> json = new(_bytes + sizeof(ulong), (int)stated);
        return SafetensorsHeader.Parse(Path, json, sizeof(ulong) + json.Length, fileLength);
    }
}
