using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Products of a block of stored rows with activations rounded to bfloat16, summed as <see cref="BFloat16Layout"/> says. Weights of 8 and
/// 16 bits are bfloat16 exactly. The scale of a block of E4M3 multiplies the activations before they are rounded, which costs a pass over
/// them for as many rows as a block has, and nothing in the sums. One token or many, the same additions are done in the same order.
/// </summary>
internal static unsafe class BFloat16Rows
{
    /// <summary>Rows whose part of a segment is decoded at a time: few enough to stay in a second-level cache beside the tokens'.</summary>
    private const int DecodedRows = 32;

    /// <summary>Segments of rounded activations that wait for all rows, a token each: half of a second-level cache.</summary>
    private const int RoundedSegments = MatrixRows.TokenBlock;

    /// <summary>Tokens that are rounded anew for every block of scales: their float32 should stay in that cache as well.</summary>
    private const int ScaledTokens = 64;

    // Parts of the scratch memory in floats. Few tokens' activations are all rounded at once.
    private const int XLength = RoundedSegments * BFloat16Layout.RowBytes / sizeof(float);
    private const int WeightsLength = DecodedRows * BFloat16Layout.RowBytes / sizeof(float);
    private const int SumsLength = MatrixRows.TokenBlock * DecodedRows;
    private const long MaxVectorBytes = XLength * sizeof(float);

    /// <summary>Bytes ahead of their use at which few tokens ask memory for rows: far enough for it to answer.</summary>
    private const int AheadBytes16 = 4096, AheadBytes8 = 8192;

    /// <summary>Bytes a tile asks of memory at a time at most.</summary>
    private const int MaxAheadStep = 128;

    /// <summary>Chunks whose scales are handed over at a time: those of most rows.</summary>
    private const int MaxScales = 8 * BFloat16Layout.SegmentChunks;

    /// <summary>Floats of scratch <see cref="Multiply"/> needs.</summary>
    public const int ScratchLength = XLength + WeightsLength + SumsLength;

    /// <summary>Whether a matrix has weights that are bfloat16 exactly, and scales that whole chunks of columns share.</summary>
    public static bool Supports(in WeightMatrix matrix)
        => matrix.Encoding == WeightEncoding.BF16
            || (matrix.Encoding == WeightEncoding.F8E4M3 && matrix.BlockColumns % BFloat16Layout.ChunkColumns == 0);

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . round(x[j]), i &lt; rows, j &lt; count &lt;= 128.</summary>
    /// <param name="scratch"><see cref="ScratchLength"/> floats on a cache line.</param>
    /// <param name="next">What will be multiplied after these rows; null if it is those that follow them.</param>
    public static void Multiply(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int count, bool accumulate, float* scratch, byte* next)
    {
        next = next == null ? matrix.RowData(row + rows) : next;
        if (count <= BFloat16Layout.VectorTokens && count * RoundedBytes(matrix) <= MaxVectorBytes)
        {
            for (int done = 0, some; done < rows; done += some)
            {
                some = RowsOfScales(matrix, row + done, rows - done);
                MultiplyFew(matrix, row + done, some, x, y, done, count, accumulate, (byte*)scratch);
            }

            return;
        }

        int most = matrix.BlockRows == 0 ? count : ScaledTokens;
        for (int token = 0; token < count; token += most)
        {
            for (int done = 0, some; done < rows; done += some)
            {
                some = RowsOfScales(matrix, row + done, rows - done);
                byte* after = done + some < rows ? matrix.RowData(row + done + some) : token + most < count ? matrix.RowData(row) : next;
                MultiplyMany(
                    matrix, row + done, some, x + token, y + token, done, Math.Min(most, count - token), accumulate, scratch, after);
            }
        }
    }

    /// <summary>Of the rows from one on, how many share its scales: others meet activations that are rounded differently.</summary>
    private static int RowsOfScales(in WeightMatrix matrix, int row, int rows)
        => matrix.BlockRows == 0 ? rows : Math.Min(rows, matrix.BlockRows - row % matrix.BlockRows);

    /// <summary>Of a token's activations and up to the next's: whole cache lines, but not a distance at which lines evict each other.</summary>
    private static long RoundedBytes(in WeightMatrix matrix)
        => (long)new ColumnChunks(matrix.Columns).Chunks * BFloat16Layout.ChunkBytes + 64;

    private static void MultiplyFew(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int offset, int count, bool accumulate, byte* rounded)
    {
        bool eightBits = matrix.Encoding == WeightEncoding.F8E4M3;
        int bytes = matrix.Encoding.BytesPerElement();
        nint xBytes = (nint)RoundedBytes(matrix);
        float** results = stackalloc float*[BFloat16Layout.VectorTokens];
        for (int j = 0; j < count; j++)
        {
            results[j] = y[j] + offset;
            if (!accumulate)
            {
                new Span<float>(results[j], rows).Clear();
            }

            Round(matrix, row, 0, matrix.Columns, x[j], (ushort*)(rounded + j * xBytes));
        }

        var arguments = new BFloat16VectorArguments
        {
            Weights = matrix.RowData(row),
            RowBytes = (nint)((long)matrix.Columns * bytes),
            Rows = rows,
            Columns = new ColumnChunks(matrix.Columns),
            Tokens = count,
            X = (ushort*)rounded,
            XBytes = xBytes,
            Y = results,
            Ahead = matrix.RowData(row) + (eightBits ? AheadBytes8 : AheadBytes16),
        };
        matrix.BFloat16.Vector(&arguments);
    }

    private static void MultiplyMany(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int offset, int count, bool accumulate, float* scratch,
        byte* next)
    {
        var tokens = (ushort*)scratch;
        float* sums = scratch + XLength + WeightsLength;
        int most = RoundedSegments / count * BFloat16Layout.SegmentColumns;
        for (int column = 0; column < matrix.Columns; column += most, accumulate = true)
        {
            int columns = Math.Min(most, matrix.Columns - column);
            for (int start = 0; start < columns; start += BFloat16Layout.SegmentColumns)
            {
                int some = Math.Min(BFloat16Layout.SegmentColumns, columns - start);
                ushort* segment = tokens + (long)start / BFloat16Layout.SegmentColumns * count * BFloat16Layout.RowStride;
                for (int j = 0; j < count; j++)
                {
                    Round(matrix, row, column + start, some, x[j] + column + start, segment + j * BFloat16Layout.RowStride);
                }
            }

            for (int done = 0; done < rows; done += DecodedRows)
            {
                int some = Math.Min(DecodedRows, rows - done);
                for (int j = 0; j < count; j++)
                {
                    var begun = new Span<float>(sums + j * DecodedRows, some);
                    if (accumulate)
                    {
                        // Segments are added to what is there one by one, as a lone token's are.
                        new ReadOnlySpan<float>(y[j] + offset + done, some).CopyTo(begun);
                    }
                    else
                    {
                        begun.Clear();
                    }
                }

                byte* after = done + some < rows ? matrix.RowData(row + done + some) : next;
                AddRows(matrix, row + done, some, column, columns, tokens, count, (ushort*)(scratch + XLength), sums, after);
                for (int j = 0; j < count; j++)
                {
                    new ReadOnlySpan<float>(sums + j * DecodedRows, some).CopyTo(new Span<float>(y[j] + offset + done, some));
                }
            }
        }
    }

    /// <summary>sums[j, i] += W[row + i, column ..] . token j, over some columns, a segment at a time.</summary>
    private static void AddRows(
        in WeightMatrix matrix, int row, int rows, int column, int columns, ushort* tokens, int count, ushort* weights, float* sums,
        byte* ahead)
    {
        int bytes = matrix.Encoding.BytesPerElement();
        long rowBytes = (long)matrix.Columns * bytes;
        byte* stored = matrix.RowData(row) + (long)column * bytes;

        // What the last tile computes beyond the rows is not used, whatever lies there.
        int tileRows = (rows + BFloat16Layout.TileRows - 1) / BFloat16Layout.TileRows * BFloat16Layout.TileRows;
        int groups = (count + BFloat16Layout.TileTokens - 1) / BFloat16Layout.TileTokens;

        // While these rows are multiplied, as many that are next come to the second-level cache.
        long steps = (long)tileRows / BFloat16Layout.TileRows * groups * new ColumnChunks(columns).Chunks;
        nint step = (nint)Math.Min(MaxAheadStep, rows * rowBytes / steps + 1);
        for (int start = 0; start < columns; start += BFloat16Layout.SegmentColumns)
        {
            var decode = new BFloat16DecodeArguments
            {
                Weights = stored + (long)start * bytes,
                RowBytes = (nint)rowBytes,
                Rows = rows,
                Columns = new ColumnChunks(Math.Min(BFloat16Layout.SegmentColumns, columns - start)),
                Destination = weights,
            };
            matrix.BFloat16.Decode(&decode);
            ushort* x = tokens + (long)start / BFloat16Layout.SegmentColumns * count * BFloat16Layout.RowStride;
            for (int group = 0, token = 0, some; group < groups; group++, token += some)
            {
                some = (count - token) / (groups - group);
                var tile = new BFloat16TileArguments
                {
                    Weights = weights,
                    Rows = tileRows,
                    Chunks = decode.Columns.Chunks,
                    Tokens = some,
                    X = x + token * BFloat16Layout.RowStride,
                    Sums = sums + token * DecodedRows,
                    SumBytes = DecodedRows * sizeof(float),
                    Ahead = ahead,
                    AheadStep = step,
                };
                matrix.BFloat16.Tile(&tile);
                ahead += step * (tileRows / BFloat16Layout.TileRows * tile.Chunks);
            }
        }
    }

    /// <summary>Activations times the scales that a row's blocks have, from a column on that begins a chunk, rounded.</summary>
    [SkipLocalsInit]
    private static void Round(in WeightMatrix matrix, int row, int column, int columns, float* x, ushort* rounded)
    {
        var chunks = new ColumnChunks(columns);
        float* scales = stackalloc float[MaxScales];
        float* blockScales = matrix.BlockRows == 0 ? null : matrix.Scales + (long)(row / matrix.BlockRows) * matrix.ScaleColumns;
        for (int first = 0; first < chunks.Chunks; first += MaxScales)
        {
            int some = Math.Min(MaxScales, chunks.Chunks - first);
            int start = first * BFloat16Layout.ChunkColumns;
            for (int i = 0; i < some; i++)
            {
                scales[i] = blockScales == null ? 1 : blockScales[(column + start + i * BFloat16Layout.ChunkColumns) / matrix.BlockColumns];
            }

            var arguments = new BFloat16RoundArguments
            {
                X = x + start,
                Columns = new ColumnChunks(Math.Min(columns - start, some * BFloat16Layout.ChunkColumns)),
                Scales = scales,
                Y = rounded + start,
            };
            matrix.BFloat16.Round(&arguments);
        }
    }
}
