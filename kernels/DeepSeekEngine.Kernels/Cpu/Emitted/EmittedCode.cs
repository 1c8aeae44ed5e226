namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>Functions that stay for the life of the process.</summary>
internal static unsafe class EmittedCode
{
    /// <summary>Where the function begins; null if it is not <paramref name="supported"/> or may not be emitted.</summary>
    public static void* For(bool supported, Func<FunctionEmitter> emitter)
    {
        if (!supported || !CpuFeatures.MayEmit)
        {
            return null;
        }

        byte[] code = emitter().Emit(OperatingSystem.IsWindows() ? NativeAbi.Windows : NativeAbi.SystemV);
        return ExecutableMemory.TryCreate(code) is { } memory ? memory.Pointer : null;
    }
}
