using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Weights;

/// <summary>
/// Which matrices are quantised, and to what. Those of attention and the feed-forward networks are, since nearly all bytes a token
/// reads are theirs; the head is, but never below eight bits, since its errors go into the logits with nothing after them to even
/// them out. As stored stay:
/// the embedding, of which a token reads one row;
/// the router, which is small, and on which the choice of experts hangs;
/// kv_b_proj, whose absorbed form reads columns where a packed matrix has rows;
/// eh_proj, which adds up two streams of different size;
/// and all vectors.
/// </summary>
internal sealed class QuantizationPolicy
{
    private readonly Dictionary<TensorRole, WeightEncoding> _encodings;

    private QuantizationPolicy(Dictionary<TensorRole, WeightEncoding> encodings) => _encodings = encodings;

    /// <summary>The formats there are policies for, widest first.</summary>
    public static IReadOnlyList<WeightFormat> Formats { get; } = [WeightFormat.AsStored, WeightFormat.Int8, WeightFormat.Int4];

    /// <summary>The policy a format stands for.</summary>
    public static QuantizationPolicy For(WeightFormat format) => format switch
    {
        WeightFormat.Int8 => Uniform(WeightEncoding.Int8),
        WeightFormat.Int4 => Uniform(WeightEncoding.Int4).With(TensorRole.Head, WeightEncoding.Int8),
        _ => new QuantizationPolicy([]),
    };

    /// <summary>The same policy but for one role; null leaves it as stored.</summary>
    public QuantizationPolicy With(TensorRole role, WeightEncoding? encoding)
    {
        Dictionary<TensorRole, WeightEncoding> encodings = new(_encodings);
        encodings.Remove(role);
        if (encoding is { } other)
        {
            encodings.Add(role, other);
        }

        return new QuantizationPolicy(encodings);
    }

    /// <summary>The encoding the kernels read a matrix in. What is packed already is left alone.</summary>
    public WeightEncoding EncodingOf(string name, WeightEncoding stored)
        => !stored.IsPacked() && _encodings.TryGetValue(TensorRoles.Of(name), out WeightEncoding encoding) ? encoding : stored;

    private static QuantizationPolicy Uniform(WeightEncoding encoding) => new(new Dictionary<TensorRole, WeightEncoding>
    {
        [TensorRole.Head] = encoding,
        [TensorRole.Query] = encoding,
        [TensorRole.KeyValue] = encoding,
        [TensorRole.LatentDown] = encoding,
        [TensorRole.AttentionOutput] = encoding,
        [TensorRole.DenseFeedForward] = encoding,
        [TensorRole.SharedExperts] = encoding,
        [TensorRole.RoutedExperts] = encoding,
    });
}
