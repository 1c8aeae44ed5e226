namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Work that is divided into independent, numbered tasks.</summary>
internal interface IParallelJob
{
    /// <summary>
    /// Runs tasks <paramref name="start"/> up to, not including, <paramref name="end"/>. What a task computes must not depend on
    /// which worker runs it; <paramref name="worker"/> only names scratch memory nobody else uses meanwhile.
    /// </summary>
    void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>;
}
