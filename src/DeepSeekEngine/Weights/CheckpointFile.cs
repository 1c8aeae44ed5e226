namespace DeepSeekEngine.Weights;

/// <summary>Reads the files of a checkpoint directory that are small enough to be read whole.</summary>
internal static class CheckpointFile
{
    /// <summary>All bytes of the file, without a byte order mark.</summary>
    /// <exception cref="ModelFormatException">The file is missing, unreadable or too long.</exception>
    public static byte[] ReadBytes(string path, long maximumBytes)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long length = stream.Length;
            if (length > maximumBytes)
            {
                throw new ModelFormatException(path, $"has {length:N0} bytes; expected at most {maximumBytes:N0}.");
            }

            byte[] bytes = new byte[length];
            stream.ReadExactly(bytes);
            ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
            return bytes.AsSpan().StartsWith(byteOrderMark) ? bytes[byteOrderMark.Length..] : bytes;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(
                path, "does not exist: it is missing from what should be a complete Hugging Face checkpoint; download it as well.",
                innerException: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFormatException(path, $"cannot be read: {exception.Message}", innerException: exception);
        }
    }
}
