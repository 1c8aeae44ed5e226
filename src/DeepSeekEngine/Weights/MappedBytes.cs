using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Weights;

/// <summary>Bytes of a mapped file.</summary>
internal readonly unsafe struct MappedBytes(byte* data, long length)
{
    public byte* Data => data;

    public long Length => length;

    /// <summary>They are not read again soon: takes them out of this process's memory. Reading them later is slow, not wrong.</summary>
    public void Release() => MemoryAdvice.DoNotNeed(data, length);
}
