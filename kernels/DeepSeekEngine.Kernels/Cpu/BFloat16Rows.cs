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

    // Parts of the scratch memory in floats. One token's activations are all rounded at once.
    private const int XLength = MatrixRows.TokenBlock * BFloat16Layout.RowBytes / sizeof(float);
    private const int WeightsLength = DecodedRows * BFloat16Layout.RowBytes / sizeof(float);
    private const int SumsLength = MatrixRows.TokenBlock * DecodedRows;
    private const int MaxVectorColumns = 2 * XLength;

    /// <summary>Floats of scratch <see cref="Multiply"/> needs.</summary>
    public const int ScratchLength = XLength + WeightsLength + SumsLength;

    /// <summary>Whether a matrix has weights that are bfloat16 exactly, and scales that whole chunks of columns share.</summary>
    public static bool Supports(in WeightMatrix matrix)
        => matrix.Encoding == WeightEncoding.BF16
            || (matrix.Encoding == WeightEncoding.F8E4M3 && matrix.BlockColumns % BFloat16Layout.ChunkColumns == 0);

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . round(x[j]), i &lt; rows, j &lt; count &lt;= 128.</summary>
    /// <param name="scratch"><see cref="ScratchLength"/> floats on a cache line.</param>
    public static void Multiply(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int count, bool accumulate, float* scratch)
    {
        if (!accumulate)
        {
            for (int j = 0; j < count; j++)
            {
                new Span<float>(y[j], rows).Clear();
            }
        }

        // Rows of different blocks meet activations that are rounded differently.
        for (int done = 0, some; done < rows; done += some)
        {
            some = matrix.BlockRows == 0 ? rows : Math.Min(rows - done, matrix.BlockRows - (row + done) % matrix.BlockRows);
            if (count == 1 && matrix.Columns <= MaxVectorColumns)
            {
                MultiplyOne(matrix, row + done, some, x[0], y[0] + done, (ushort*)scratch);
            }
            else
            {
                MultiplyMany(matrix, row + done, some, x, y, done, count, scratch);
            }
        }
    }

    private static void MultiplyOne(in WeightMatrix matrix, int row, int rows, float* x, float* y, ushort* rounded)
    {
        Round(matrix, row, 0, matrix.Columns, x, rounded);
        long rowBytes = (long)matrix.Columns * matrix.Encoding.BytesPerElement();
        var arguments = new BFloat16VectorArguments
        {
            Weights = matrix.Data + row * rowBytes,
            RowBytes = (nint)rowBytes,
            Rows = rows,
            Columns = new ColumnChunks(matrix.Columns),
            X = rounded,
            Y = y,
        };
        matrix.BFloat16.Vector(&arguments);
    }

    private static void MultiplyMany(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int offset, int count, float* scratch)
    {
        var tokens = (ushort*)scratch;
        var weights = (ushort*)(scratch + XLength);
        float* sums = scratch + XLength + WeightsLength;
        long rowBytes = (long)matrix.Columns * matrix.Encoding.BytesPerElement();
        for (int column = 0; column < matrix.Columns; column += BFloat16Layout.SegmentColumns)
        {
            int columns = Math.Min(BFloat16Layout.SegmentColumns, matrix.Columns - column);
            for (int j = 0; j < count; j++)
            {
                Round(matrix, row, column, columns, x[j] + column, tokens + j * BFloat16Layout.RowStride);
            }

            for (int done = 0; done < rows; done += DecodedRows)
            {
                var decode = new BFloat16DecodeArguments
                {
                    Weights = matrix.Data + (row + done) * rowBytes + (long)column * matrix.Encoding.BytesPerElement(),
                    RowBytes = (nint)rowBytes,
                    Rows = Math.Min(DecodedRows, rows - done),
                    Columns = new ColumnChunks(columns),
                    Destination = weights,
                };
                matrix.BFloat16.Decode(&decode);
                AddTiles(matrix.BFloat16, weights, decode.Rows, decode.Columns.Chunks, tokens, y, offset + done, count, sums);
            }
        }
    }

    /// <summary>y[j][offset + i] += the decoded segment of row i . the rounded one of token j.</summary>
    private static void AddTiles(
        in BFloat16Functions functions, ushort* weights, int rows, int chunks, ushort* x, float** y, int offset, int count, float* sums)
    {
        // What the last tile computes beyond the rows is not used, whatever lies there.
        int tileRows = (rows + BFloat16Layout.TileRows - 1) / BFloat16Layout.TileRows * BFloat16Layout.TileRows;
        int groups = (count + BFloat16Layout.TileTokens - 1) / BFloat16Layout.TileTokens;
        new Span<float>(sums, count * DecodedRows).Clear();
        for (int group = 0, token = 0, some; group < groups; group++, token += some)
        {
            some = (count - token) / (groups - group);
            var tile = new BFloat16TileArguments
            {
                Weights = weights,
                Rows = tileRows,
                Chunks = chunks,
                Tokens = some,
                X = x + token * BFloat16Layout.RowStride,
                Sums = sums + token * DecodedRows,
                SumBytes = DecodedRows * sizeof(float),
            };
            functions.Tile(&tile);
        }

        for (int j = 0; j < count; j++)
        {
            float* target = y[j] + offset;
            for (int i = 0; i < rows; i++)
            {
                target[i] += sums[j * DecodedRows + i];
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

    /// <summary>Scales handed over at a time: those of a segment, and of most rows.</summary>
    private const int MaxScales = 8 * BFloat16Layout.SegmentChunks;
}
