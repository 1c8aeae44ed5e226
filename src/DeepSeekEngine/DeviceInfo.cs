namespace DeepSeekEngine;

/// <summary>A device a model can be computed on.</summary>
/// <param name="Device">Its kind, for <see cref="EngineOptions.Device"/>.</param>
/// <param name="Index">Its place among those of its kind, for <see cref="EngineOptions.DeviceIndex"/>.</param>
/// <param name="Name">Its name, as its driver gives it.</param>
/// <param name="MemoryBytes">Memory it has; for the CPU, what this process may use.</param>
public sealed record DeviceInfo(Device Device, int Index, string Name, long MemoryBytes);
