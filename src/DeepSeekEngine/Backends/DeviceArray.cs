namespace DeepSeekEngine.Backends;

/// <summary>A one-dimensional array in a backend's memory.</summary>
internal abstract class DeviceArray<T>(long length) : IDisposable
    where T : unmanaged
{
    public long Length { get; } = length;

    /// <summary>Copies from the host, ordered before every operation issued later. The source may be reused on return.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the array.</exception>
    public abstract void Upload(ReadOnlySpan<T> source, long offset = 0);

    /// <summary>Waits for every operation issued so far and copies to the host.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the array.</exception>
    public abstract void Download(Span<T> destination, long offset = 0);

    /// <summary>
    /// Copies the first <paramref name="count"/> elements to an array of any backend, ordered after every operation issued to this one
    /// and before every operation issued to the other later. May wait for this backend.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">One of the arrays is shorter.</exception>
    public abstract void CopyTo(DeviceArray<T> destination, int count);

    public abstract void Dispose();

    protected void CheckRange(long offset, int count)
    {
        if (offset < 0 || offset > Length - count)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{count} elements at {offset} do not lie within {Length}.");
        }
    }
}
