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

    /// <summary>The rows from <paramref name="first"/> on.</summary>
    public readonly RowView From(int first) => new() { Data = Data, Offset = Row(first), Stride = Stride };

    /// <summary>Whether each row, and each part of <paramref name="width"/> values of it, begins at a multiple of 16 bytes.</summary>
    public readonly bool IsAligned(int width) => ((Offset | Stride | (long)width) & 3) == 0;
}
