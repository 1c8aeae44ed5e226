using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>A weight format whose elements, unscaled, are bfloat16 exactly.</summary>
internal interface ITensorCoreFormat : IWeightFormat
{
    /// <summary>The binary logarithm of the 16-byte words that <see cref="MmaTile.StepColumns"/> columns of a row take as they are stored.</summary>
    static abstract int StoredShift { get; }

    /// <summary>Whether they must be decoded, being stored as something else than bfloat16; if not, nothing asks for that.</summary>
    static abstract bool Decoded { get; }

    /// <summary>If scaled, the binary logarithm of columns that are known to share a scale.</summary>
    static abstract int ScaleShift { get; }

    /// <summary>Decodes a word of what was stored, which belongs to one row, or to four if packed.</summary>
    /// <param name="stored">Word <paramref name="index"/> of those a block of 16 rows has for a step.</param>
    /// <param name="tile">Rows of a tile in shared memory, laid out as <see cref="MmaTile.At"/> says.</param>
    /// <param name="row">Where, in the tile, the block begins.</param>
    static abstract void Decode(Quad stored, int index, ArrayView<Quad> tile, int row);
}
