using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Testing.BackendSuite;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>A cache of each precision by the GPU kernels, as ILGPU and the OpenCL driver compile them.</summary>
[TestFixture("BFloat16")]
[TestFixture("Int8")]
public class OpenClCacheOperationTests(string precision) : CacheOperationTests(precision)
{
    internal override bool IsExact => false;

    internal override IBackend CreateBackend(CachePrecision cache) => OpenClDevice.CreateBackend(cache);
}
