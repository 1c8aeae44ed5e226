namespace DeepSeekEngine.Kernels;

/// <summary>
/// How Int8 and Int4 matrices lie in memory: rows in panels of <see cref="PanelRows"/>, a panel one stream of bytes from its first
/// column to its last, so that a thread reads one stream and every lane of a register is a row.
/// <code>
/// matrix  panel 0, panel 1, ...                          rows filled up with zeros to whole panels, columns to whole blocks
/// panel   block 0, block 1, ...
/// Int8    block = 128 columns: 16 float32 scales, then 32 steps of 64 bytes                    2112 bytes
///         step s = bytes[row][i]: column 4 s + i of the block, i &lt; 4, stored as w + 128
/// Int4    block = 64 columns: 2 x 16 bfloat16 scales (columns 0-31, columns 32-63), then 8 lines of 64 bytes   576 bytes
///         line l = bytes[row][i]: low nibble column 8 l + i, high nibble column 8 l + 4 + i, i &lt; 4, stored as w + 8
/// W[row, column] = scale * (stored - bias); |w| &lt;= 127 or -8 &lt;= w &lt;= 7
/// </code>
/// A block is whole cache lines; a matrix that begins on one keeps every load within one.
/// </summary>
internal static class PackedLayout
{
    /// <summary>Counted up whenever the layout changes; a packed checkpoint of another version is refused.</summary>
    public const int Version = 1;

    public const int PanelRows = 16;

    /// <summary>Columns of one row that lie side by side: what a dot-product instruction adds up in one lane.</summary>
    public const int StepColumns = 4;

    public const int Alignment = 64;

    public const int Int8Bias = 128;
    public const int Int8BlockColumns = 128;
    public const int Int8BlockBytes = (PanelRows * sizeof(float)) + (Int8BlockColumns * PanelRows);

    public const int Int4Bias = 8;
    public const int Int4GroupColumns = 32;
    public const int Int4BlockColumns = 64;
    public const int Int4BlockBytes = (Int4BlockColumns / Int4GroupColumns * PanelRows * 2) + (Int4BlockColumns * PanelRows / 2);

    public static int BlockColumns(WeightEncoding encoding) => encoding switch
    {
        WeightEncoding.Int8 => Int8BlockColumns,
        WeightEncoding.Int4 => Int4BlockColumns,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };

    public static int BlockBytes(WeightEncoding encoding) => encoding switch
    {
        WeightEncoding.Int8 => Int8BlockBytes,
        WeightEncoding.Int4 => Int4BlockBytes,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };

    public static int Blocks(WeightEncoding encoding, int columns)
    {
        int block = BlockColumns(encoding);
        return (int)(((long)columns + block - 1) / block);
    }

    public static int Panels(int rows) => (int)(((long)rows + PanelRows - 1) / PanelRows);

    public static long PanelBytes(WeightEncoding encoding, int columns) => (long)Blocks(encoding, columns) * BlockBytes(encoding);

    public static long ByteLength(WeightEncoding encoding, int rows, int columns) =>
        checked(Panels(rows) * PanelBytes(encoding, columns));
}
