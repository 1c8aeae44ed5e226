using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>
/// A model's tensors made up as they are asked for, every matrix with memory of its own where the model is computed, so that a step
/// reads as many bytes as that of a real model. The embedding and the router keep the encoding checkpoints have them in, and in a packed
/// model so does what the library does not pack.
/// </summary>
/// <param name="copied">Whether the device copies what it is given to memory of its own, so that matrices may share theirs here.</param>
internal sealed class SyntheticWeights(ModelConfig config, WeightEncoding format, Arena arena, bool copied = false) : IWeightSource
{
    private readonly SyntheticMatrices _matrices = new(arena, copied);
    private readonly Dictionary<string, long> _layerBytes = [];

    /// <summary>Bytes of all matrices.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Bytes of matrices one token reads: the chosen experts' and all others but the embedding's.</summary>
    public double ActiveBytes { get; private set; }

    /// <summary>Bytes of a layer's matrices.</summary>
    public long LayerBytes(int layer) => _layerBytes[$"{layer}"];

    public bool Contains(string name) => true;

    public string PathOf(string name) => "synthetic";

    public long SizeOf(string name) => 0;

    public WeightEncoding EncodingOf(string name, int rows, int columns) => Encoding(name);

    public void CheckVector(string name, int length)
    {
    }

    public void Release(string name)
    {
    }

    public WeightMatrix Matrix(string name, int rows, int columns)
    {
        var matrix = _matrices.Create(Encoding(name), rows, columns);
        var bytes = matrix.ByteLength + ((long)matrix.ScaleRows * matrix.ScaleColumns * sizeof(float));
        TotalBytes += bytes;
        if (name.Split('.') is ["model", "layers", var layer, ..])
        {
            _layerBytes[layer] = _layerBytes.GetValueOrDefault(layer) + bytes;
        }

        ActiveBytes += name switch
        {
            _ when IsEmbedding(name) => 0,
            _ when name.Contains(".experts.", StringComparison.Ordinal)
                => (double)bytes * config.Router!.Value.ExpertsPerToken / config.Router.Value.Experts,
            _ => bytes,
        };
        return matrix;
    }

    public float[] Vector(string name, int length)
    {
        var vector = new float[length];
        Array.Fill(vector, name.EndsWith("bias", StringComparison.Ordinal) ? 0f : 1f);
        return vector;
    }

    private WeightEncoding Encoding(string name)
        => format is not WeightEncoding.F32 && (IsEmbedding(name) || name.EndsWith("mlp.gate.weight", StringComparison.Ordinal))
            ? WeightEncoding.BF16
            : format.IsPacked() ? PackedPolicy.EncodingOf(name, WeightEncoding.BF16)
            : format;

    private QuantizationPolicy PackedPolicy { get; }
        = QuantizationPolicy.For(format is WeightEncoding.Int8 ? WeightFormat.Int8 : WeightFormat.Int4);

    private static bool IsEmbedding(string name) => name.Contains("embed_tokens", StringComparison.Ordinal);
}
