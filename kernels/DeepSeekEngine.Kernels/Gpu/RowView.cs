using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Rows of float32: row i begins at element Offset + i * Stride. Offsets travel as 64-bit numbers, never as sub-views.</summary>
internal struct RowView
{
    public required ArrayView<float> Data;
    public required long Offset;
    public required long Stride;

    /// <summary>The element at which a row begins.</summary>
    public readonly long Row(long index) => Offset + index * Stride;
}
