namespace DeepSeekEngine;

/// <summary>The requested device does not exist on this machine or cannot be used.</summary>
public sealed class DeviceUnavailableException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="problem">What was asked for and why it cannot be had.</param>
    /// <param name="devicesFound">The devices that were found.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public DeviceUnavailableException(string problem, IReadOnlyList<string> devicesFound, Exception? innerException = null)
        : base($"{problem} Devices found: {(devicesFound.Count == 0 ? "none" : string.Join(", ", devicesFound))}.", innerException)
        => DevicesFound = devicesFound;

    /// <summary>The devices that were found, by name.</summary>
    public IReadOnlyList<string> DevicesFound { get; }
}
