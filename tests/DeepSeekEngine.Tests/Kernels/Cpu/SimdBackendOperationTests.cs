using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Every operation with one thread and with several, in registers of each width, whatever the processor has.</summary>
[TestFixture(1, 128)]
[TestFixture(3, 256, Category = "WideLanes")]
[TestFixture(2, 512, Category = "WideLanes")]
[TestFixture(0, 0)]
public class SimdBackendOperationTests(int threads, int bits) : BackendOperationTests
{
    internal override IBackend CreateBackend() => new SimdBackend(threads, bits == 0 ? null : (LaneWidth)bits);
}
