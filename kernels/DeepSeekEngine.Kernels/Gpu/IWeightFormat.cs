namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// How one <see cref="WeightEncoding"/> is decoded in registers, exactly and without subnormal float32 on the way. A chunk is what four
/// rows have in the columns that one load of 16 bytes covers.
/// </summary>
internal interface IWeightFormat
{
    /// <summary>The binary logarithm of the elements in a 32-bit word.</summary>
    static abstract int WordShift { get; }

    /// <summary>The binary logarithm of the columns of a chunk.</summary>
    static abstract int ChunkShift { get; }

    /// <summary>Whether elements are multiplied by the scale of their block.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Whether rows lie in the panels of <see cref="PackedLayout"/>, so that one load has four of them; else each has its own.</summary>
    static abstract bool Packed { get; }

    /// <summary>If packed, the binary logarithm of the columns of a panel's block.</summary>
    static abstract int BlockShift { get; }

    /// <summary>If packed, the 16-byte words of a panel's block.</summary>
    static abstract int BlockQuads { get; }

    /// <summary>Element <paramref name="lane"/> of a little-endian word, unscaled.</summary>
    static abstract float Decode(uint word, int lane);

    /// <summary>Four columns of a row, unscaled, the <paramref name="part"/>-th four of those its 16 bytes (a word, if packed) hold.</summary>
    static abstract Float4 Decode(Quad loaded, int part);
}
