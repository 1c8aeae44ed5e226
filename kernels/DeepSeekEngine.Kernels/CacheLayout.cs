namespace DeepSeekEngine.Kernels;

/// <summary>What the keys and values of a cache are kept as.</summary>
internal enum CachePrecision
{
    Float32,
    BFloat16,

    /// <summary>Signed bytes, each piece of a row times a scale of its own.</summary>
    Int8,
}

/// <summary>
/// How a token's row of a layer's cache is laid out. Rows are counted in floats whatever they hold, so that an array of floats is any cache.
/// In float32 and bfloat16 a row is the values of <see cref="AttentionShape.Row"/>, one after the other. In int8 each key-value head has a
/// part of its own: the scales of its two pieces, then <see cref="AttentionShape.RowHead"/> bytes. Latents and their rotated key, or a key
/// and its value, are pieces of different magnitude, hence the two.
/// </summary>
internal readonly record struct CacheLayout(CachePrecision Precision, AttentionShape Shape)
{
    /// <summary>Scales of a part: of <see cref="FirstPiece"/> values and of those behind them.</summary>
    public const int Scales = 2;

    /// <summary>The largest byte, and with its sign the smallest: one of each sign, so that there is nothing to add.</summary>
    public const int LargestByte = 127;

    /// <summary>Values of a part before its second piece.</summary>
    public int FirstPiece => Shape.ValueOffset == 0 ? Shape.Value : Shape.ValueOffset;

    /// <summary>Floats a key-value head's part of int8 takes the place of.</summary>
    public int PartLength => Scales + (Shape.RowHead + sizeof(float) - 1) / sizeof(float);

    /// <summary>Floats a row takes the place of.</summary>
    public int Length => Precision switch
    {
        CachePrecision.Float32 => Shape.Row,
        CachePrecision.BFloat16 => (Shape.Row + 1) / 2,
        _ => checked(Shape.KeyValueHeads * PartLength),
    };
}
