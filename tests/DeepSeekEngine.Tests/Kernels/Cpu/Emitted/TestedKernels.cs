using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>The functions a test of bfloat16 is to use.</summary>
internal static class TestedKernels
{
    /// <summary>The emitted functions, where the processor has the instructions, or their twins.</summary>
    public static BFloat16Kernels Of(bool emitted)
    {
        Assume.That(!emitted || BFloat16Kernels.Native is not null, "The processor has no AVX-512 BF16; an emulated one is tested by CI.");
        return emitted ? BFloat16Kernels.Native! : ScalarBFloat16.Kernels;
    }
}
