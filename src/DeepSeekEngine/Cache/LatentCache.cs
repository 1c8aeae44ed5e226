using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Cache;

/// <summary>
/// The paged key-value cache of multi-head latent attention: a token and layer is kv_lora_rank normalised latents followed by
/// qk_rope_head_dim values of the rotated key that all heads share (V2 report, section 2.1.2), so 576 values in R1.
/// </summary>
internal sealed class LatentCache : IDisposable
{
    private readonly Activations[] _layers;

    /// <param name="layers">Where each layer's part is.</param>
    public LatentCache(IReadOnlyList<IDeviceMemory> layers, in MlaShape shape, int tokens)
    {
        Pool = new BlockPool(BlockPool.BlocksFor(tokens));
        _layers = new Activations[layers.Count];
        try
        {
            for (var i = 0; i < layers.Count; i++)
            {
                var length = layers[i].CacheRowLength(shape.CacheRow);
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
    /// <param name="rowLength"><see cref="IDeviceMemory.CacheRowLength"/> of <see cref="MlaShape.CacheRow"/>.</param>
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
