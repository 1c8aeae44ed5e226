using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// Every operation by the GPU kernels, run as .NET code on ILGPU's CPU accelerator: what the kernels say, whatever becomes of them.
/// </summary>
[TestFixture]
public class CpuAcceleratorOperationTests : GpuOperationTests
{
    internal override bool IsSlow => true;

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator();
}
