using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Cache;

/// <summary>
/// The paged key-value cache. A token and layer of multi-head latent attention is kv_lora_rank normalised latents followed by
/// qk_rope_head_dim values of the rotated key that all heads share (V2 report, section 2.1.2), so 576 values in R1; of grouped-query
/// attention a rotated key and its value for each key-value head, so 2,048 values in R1-Distill-Llama-8B.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly Activations[] _layers;

    /// <param name="layers">Where each layer's part is.</param>
    /// <param name="shape">What attends to it.</param>
    public KeyValueCache(IReadOnlyList<IDeviceMemory> layers, AttentionShape shape, int tokens)
    {
        Pool = new BlockPool(BlockPool.BlocksFor(tokens));
        _layers = new Activations[layers.Count];
        try
        {
            for (var i = 0; i < layers.Count; i++)
            {
                var length = new CacheLayout(layers[i].CachePrecision, shape).Length;
                _layers[i] = Activations.Dense(layers[i].Allocate<float>((long)Pool.Blocks * BlockPool.BlockSize * length), length);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public BlockPool Pool { get; }

    /// <summary>All rows of a layer.</summary>
    public Activations Layer(int layer) => _layers[layer];

    /// <summary>Bytes a cache for so many tokens takes.</summary>
    /// <param name="rowLength"><see cref="CacheLayout.Length"/> of a token and layer.</param>
    public static long ByteLength(int rowLength, int layers, int tokens)
        => checked((long)BlockPool.BlocksFor(tokens) * BlockPool.BlockSize * rowLength * layers * sizeof(float));

    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Array?.Dispose();
        }
    }
}
