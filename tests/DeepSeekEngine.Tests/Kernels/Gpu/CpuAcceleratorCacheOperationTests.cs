using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>A cache of each precision by the GPU kernels, run as .NET code.</summary>
[TestFixture("BFloat16")]
[TestFixture("Int8")]
public class CpuAcceleratorCacheOperationTests(string precision) : CacheOperationTests(precision)
{
    internal override bool IsSlow => true;

    internal override IBackend CreateBackend(CachePrecision cache) => IlgpuBackend.CreateOnCpuAccelerator(cache: cache);
}
