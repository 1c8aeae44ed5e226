using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing.BackendSuite;
using DeepSeekEngine.Tests.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>A cache of each precision, to which attention is computed in float32, in registers of each width.</summary>
[TestFixture("BFloat16", 1, 128)]
[TestFixture("BFloat16", 3, 256, Category = "WideLanes")]
[TestFixture("BFloat16", 2, 512, Category = "WideLanes")]
[TestFixture("Int8", 1, 128)]
[TestFixture("Int8", 3, 256, Category = "WideLanes")]
[TestFixture("Int8", 2, 512, Category = "WideLanes")]
public class SimdCacheOperationTests(string precision, int threads, int bits) : CacheOperationTests(precision)
{
    internal override IBackend CreateBackend(CachePrecision cache) => new SimdBackend(threads, (LaneWidth)bits, cache: cache);
}

/// <summary>
/// The same where attention is computed in bfloat16 unless the cache is of float32: by the emitted functions where the processor has the
/// instructions, and by their twins.
/// </summary>
[TestFixture("Float32", true)]
[TestFixture("BFloat16", true)]
[TestFixture("Int8", true)]
[TestFixture("Float32", false)]
[TestFixture("BFloat16", false)]
[TestFixture("Int8", false)]
public class BFloat16CacheOperationTests(string precision, bool emitted) : CacheOperationTests(precision)
{
    internal override bool RoundsAttention => Precision is not CachePrecision.Float32;

    internal override IBackend CreateBackend(CachePrecision cache)
        => new SimdBackend(2, bfloat16: TestedKernels.Of(emitted), cache: cache);
}
