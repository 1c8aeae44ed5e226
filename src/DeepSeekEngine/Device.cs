namespace DeepSeekEngine;

/// <summary>What a model is computed on.</summary>
public enum Device
{
    /// <summary>A CUDA device if there is one the model fits on, else the CPU.</summary>
    Auto,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,

    /// <summary>An OpenCL device.</summary>
    OpenCL,

    /// <summary>The processor, with its SIMD instructions.</summary>
    Cpu,
}
