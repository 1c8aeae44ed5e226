using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>This library's forward pass over synthetic weights.</summary>
internal sealed class SyntheticModel : ITimedModel
{
    private readonly Arena _arena;
    private readonly SyntheticWeights _weights;
    private readonly TimedTransformer _transformer;

    /// <param name="backend">What computes it; outlives it.</param>
    /// <param name="hugePages">Whether the weights lie in huge pages, as a copy in memory can and a mapped file cannot.</param>
    /// <exception cref="NotEnoughMemoryException">The device has not that much memory.</exception>
    public SyntheticModel(IBackend backend, ModelConfig config, WeightEncoding format, int maxPrefill, int maxContext, bool hugePages = true)
    {
        _arena = new Arena(hugePages);
        try
        {
            _weights = new SyntheticWeights(config, format, _arena, copied: backend is not SimdBackend);
            _transformer = new TimedTransformer(backend, _weights, config, maxPrefill, maxContext);
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    public long TotalBytes => _weights.TotalBytes;

    /// <summary>Bytes of weights one token reads.</summary>
    public double ActiveBytes => _weights.ActiveBytes;

    /// <summary>Bytes of the cache one token reads at this context.</summary>
    public double CacheBytes => _transformer.CacheBytes;

    /// <summary>Bytes of a layer's weights.</summary>
    public long LayerBytes(int layer) => _weights.LayerBytes(layer);

    public void SetContext(int tokens) => _transformer.SetContext(tokens);

    public double Prefill(int tokens) => _transformer.Prefill(tokens);

    public double Decode(int tokens) => _transformer.Decode(tokens);

    public void Dispose()
    {
        _transformer.Dispose();
        _arena.Dispose();
    }
}
