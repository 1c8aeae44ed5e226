using DeepSeekEngine.Benchmarks.Operations;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>What a device can do at this moment, measured before and after what it is the limit of.</summary>
internal interface IDeviceLimits : IDisposable
{
    /// <summary>What <see cref="MemoryBandwidth"/> measures, as a report says it.</summary>
    string Probe { get; }

    /// <summary>Bytes a second the device's memory gives, or takes and gives.</summary>
    double MemoryBandwidth();

    /// <summary>Arithmetic operations a second on such operands; infinity where that is not measured.</summary>
    double Arithmetic(Operands on);
}
