using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>This library's forward pass on the processor over synthetic weights.</summary>
internal sealed class SyntheticModel : ITimedModel
{
    private readonly Arena _arena;
    private readonly SimdBackend _backend;
    private readonly SyntheticWeights _weights;
    private readonly TimedTransformer _transformer;

    /// <param name="threads">0 for one a processor.</param>
    /// <param name="hugePages">Whether the weights lie in huge pages, as a copy in memory can and a mapped file cannot.</param>
    public SyntheticModel(ModelConfig config, WeightEncoding format, int threads, int maxPrefill, int maxContext, bool hugePages)
    {
        _arena = new Arena(hugePages);
        _backend = SimdBackend.Fastest(threads);
        _weights = new SyntheticWeights(config, format, _arena);
        _transformer = new TimedTransformer(_backend, _weights, config, maxPrefill, maxContext);
    }

    public string Device => _backend.DeviceName;

    public long TotalBytes => _weights.TotalBytes;

    /// <summary>Bytes of weights one token reads.</summary>
    public double ActiveBytes => _weights.ActiveBytes;

    /// <summary>Bytes of the cache one token reads at this context.</summary>
    public double CacheBytes => _transformer.CacheBytes;

    public void SetContext(int tokens) => _transformer.SetContext(tokens);

    public double Prefill(int tokens) => _transformer.Prefill(tokens);

    public double Decode(int tokens) => _transformer.Decode(tokens);

    public void Dispose()
    {
        _transformer.Dispose();
        _backend.Dispose();
        _arena.Dispose();
    }
}
