using DeepSeekEngine.Backends;
using DeepSeekEngine.Testing.BackendSuite;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>Every operation by the GPU kernels, as ILGPU and the OpenCL driver compile them.</summary>
[TestFixture]
public class OpenClOperationTests : GpuOperationTests
{
    internal override IBackend CreateBackend() => OpenClDevice.CreateBackend();
}
