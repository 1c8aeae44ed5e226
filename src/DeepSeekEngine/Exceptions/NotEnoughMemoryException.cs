namespace DeepSeekEngine;

/// <summary>The model, its cache and its workspaces do not fit the memory that is available.</summary>
public sealed class NotEnoughMemoryException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="requiredBytes">Bytes that would have been needed.</param>
    /// <param name="availableBytes">Bytes that are available.</param>
    /// <param name="advice">What to change so that it fits.</param>
    public NotEnoughMemoryException(long requiredBytes, long availableBytes, string advice)
        : base($"{requiredBytes:N0} bytes are needed and {availableBytes:N0} are available. {advice}")
    {
        RequiredBytes = requiredBytes;
        AvailableBytes = availableBytes;
        Advice = advice;
    }

    /// <summary>Bytes that would have been needed.</summary>
    public long RequiredBytes { get; }

    /// <summary>Bytes that are available.</summary>
    public long AvailableBytes { get; }

    /// <summary>What to change so that it fits.</summary>
    public string Advice { get; }
}
