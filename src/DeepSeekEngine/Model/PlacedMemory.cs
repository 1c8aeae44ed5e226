namespace DeepSeekEngine.Model;

/// <summary>
/// What a placed model takes of each device, and of the host if that computes the routed experts. Mapped weights are what lies in the
/// files as the kernels read it: a processor leaves it there, a GPU takes a copy.
/// </summary>
internal sealed record PlacedMemory(IReadOnlyList<MemoryEstimate> Devices, MemoryEstimate? Host);
