using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels;

/// <summary>
/// A weight matrix W [Rows, Columns] (out, in) in host memory: row-major, as the checkpoint stores it, or in the
/// panels of <see cref="PackedLayout"/>.
/// A view: whoever made it keeps the memory alive. Data need not be aligned.
/// </summary>
internal readonly unsafe struct WeightMatrix
{
    public required WeightEncoding Encoding { get; init; }

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary><see cref="ByteLength"/> bytes.</summary>
    public required byte* Data { get; init; }

    /// <summary>
    /// F8E4M3 only: [ceil(Rows / BlockRows), ceil(Columns / BlockColumns)] float32 multipliers;
    /// W[i, j] = e4m3(Data[i, j]) * Scales[i / BlockRows, j / BlockColumns]. Null otherwise.
    /// </summary>
    public float* Scales { get; init; }

    public int BlockRows { get; init; }

    public int BlockColumns { get; init; }

    /// <summary>Whether products must take activations as they are, as the router's, on which the choice of experts hangs.</summary>
    public bool ExactActivations { get; init; }

    /// <summary>Whether it lies in mapped files that memory does not hold all of, so that part of it may have to be read from the disk.</summary>
    public bool IsPaged { get; init; }

    /// <summary>What computes products with activations that are rounded to bfloat16; null functions where they are not rounded.</summary>
    public BFloat16Functions BFloat16 { get; init; }

    public int ScaleColumns => BlockColumns == 0 ? 0 : (Columns + BlockColumns - 1) / BlockColumns;

    public int ScaleRows => BlockRows == 0 ? 0 : (Rows + BlockRows - 1) / BlockRows;

    public bool IsPacked => Encoding.IsPacked();

    /// <summary>Where a row begins, or in a packed matrix its panel.</summary>
    public byte* RowData(int row) => IsPacked
        ? Data + row / PackedLayout.PanelRows * PackedLayout.PanelBytes(Encoding, Columns)
        : Data + (long)row * Columns * Encoding.BytesPerElement();

    public long ByteLength =>
        IsPacked ? PackedLayout.ByteLength(Encoding, Rows, Columns) : (long)Rows * Columns * Encoding.BytesPerElement();
}

internal static class WeightEncodingExtensions
{
    public static bool IsPacked(this WeightEncoding encoding) => encoding is WeightEncoding.Int8 or WeightEncoding.Int4;

    public static int BytesPerElement(this WeightEncoding encoding) => encoding switch
    {
        WeightEncoding.F32 => 4,
        WeightEncoding.F16 or WeightEncoding.BF16 => 2,
        WeightEncoding.F8E4M3 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };
}
