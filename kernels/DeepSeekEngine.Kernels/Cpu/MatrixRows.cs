using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Products with, and decoding of, a block of rows of a stored matrix: the one place where an encoding becomes a type.
/// </summary>
internal static unsafe class MatrixRows
{
    /// <summary>Rows a task works on: enough reuse of a token's panel, little enough to divide a matrix among many cores.</summary>
    public const int Block = 16;

    /// <summary>Floats from one decoded row to the next: whole cache lines, but not a distance at which lines evict each other.</summary>
    private const int ScratchStride = DotProduct.Panel + 16;

    /// <summary>Floats of scratch <see cref="Multiply{TLanes}"/> needs.</summary>
    public const int ScratchLength =
        Block * ScratchStride > BFloat16Rows.ScratchLength ? Block * ScratchStride : BFloat16Rows.ScratchLength;

    /// <summary>
    /// Tokens a task works on at most: their panels stay in a second-level cache while all its rows pass over them.
    /// </summary>
    public const int TokenBlock = 128;

    /// <summary>A scale from here on would overflow once multiplied by the decoder's unit; such blocks are decoded in two steps.</summary>
    private const float MaxFoldedScale = 128;

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . x[j], i &lt; rows, j &lt; count.</summary>
    /// <param name="packed">For a packed matrix, what x[j] is quantised to: row (first + j) * Step + part.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> floats.</param>
    public static void Multiply<TLanes>(
        in WeightMatrix matrix, int row, int rows, float** x, in PackedProducts packed, int first, int part,
        float** y, int count, bool accumulate, float* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (matrix.BFloat16Products)
        {
            BFloat16Rows.Multiply<TLanes>(BFloat16Kernel.Tile, matrix, row, rows, x, y, count, accumulate, scratch);
            return;
        }

        switch (matrix.Encoding)
        {
            case WeightEncoding.F32:
                Multiply<TLanes, F32Decoder>(matrix, row, rows, x, y, count, accumulate, scratch);
                break;
            case WeightEncoding.F16:
                Multiply<TLanes, F16Decoder>(matrix, row, rows, x, y, count, accumulate, scratch);
                break;
            case WeightEncoding.BF16:
                Multiply<TLanes, BF16Decoder>(matrix, row, rows, x, y, count, accumulate, scratch);
                break;
            case WeightEncoding.Int8 or WeightEncoding.Int4:
                packed.Multiply(matrix, row, rows, first, part, y, count, accumulate, scratch);
                break;
            default:
                Multiply<TLanes, F8E4M3Decoder>(matrix, row, rows, x, y, count, accumulate, scratch);
                break;
        }
    }

    /// <summary>destination[i * stride + k] = W[row + i, column + k], i &lt; rows, k &lt; columns.</summary>
    public static void Decode<TLanes>(in WeightMatrix matrix, int row, int rows, int column, int columns, float* destination, long stride)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int i = 0; i < rows; i++, destination += stride)
        {
            switch (matrix.Encoding)
            {
                case WeightEncoding.F32:
                    DecodeRow<TLanes, F32Decoder>(matrix, row + i, column, columns, destination);
                    break;
                case WeightEncoding.F16:
                    DecodeRow<TLanes, F16Decoder>(matrix, row + i, column, columns, destination);
                    break;
                case WeightEncoding.BF16:
                    DecodeRow<TLanes, BF16Decoder>(matrix, row + i, column, columns, destination);
                    break;
                case WeightEncoding.Int8 or WeightEncoding.Int4:
                    PackedDecoder.DecodeRow<TLanes>(matrix, row + i, column, columns, destination);
                    break;
                default:
                    DecodeRow<TLanes, F8E4M3Decoder>(matrix, row + i, column, columns, destination);
                    break;
            }
        }
    }

    private static void Multiply<TLanes, TDecoder>(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int count, bool accumulate, float* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        if (count == 1 && CanDecodeInRegisters<TLanes, TDecoder>(matrix, row, rows))
        {
            for (int i = 0; i < rows; i++)
            {
                y[0][i] = DotProduct.Row<TLanes, TDecoder>(matrix, row + i, x[0], accumulate ? y[0][i] : 0);
            }

            return;
        }

        for (int column = 0; column < matrix.Columns; column += DotProduct.Panel)
        {
            int columns = Math.Min(DotProduct.Panel, matrix.Columns - column);
            for (int i = 0; i < rows; i++)
            {
                DecodeRow<TLanes, TDecoder>(matrix, row + i, column, columns, scratch + i * ScratchStride);
            }

            DotProduct.Products<TLanes>(scratch, ScratchStride, rows, x, count, column, columns, y, 1, accumulate || column > 0);
        }
    }

    private static bool CanDecodeInRegisters<TLanes, TDecoder>(in WeightMatrix matrix, int row, int rows)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        if (!TDecoder.Scaled)
        {
            return true;
        }

        if (matrix.BlockColumns % (4 * TLanes.Count) != 0)
        {
            return false;
        }

        int last = (row + rows - 1) / matrix.BlockRows;
        for (long i = (long)(row / matrix.BlockRows) * matrix.ScaleColumns; i < (last + 1L) * matrix.ScaleColumns; i++)
        {
            if (!(Math.Abs(matrix.Scales[i]) < MaxFoldedScale))
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void DecodeRow<TLanes, TDecoder>(in WeightMatrix matrix, int row, int column, int columns, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        byte* weights = matrix.Data + ((long)row * matrix.Columns + column) * TDecoder.Bytes;
        float* scales = TDecoder.Scaled ? matrix.Scales + (long)(row / matrix.BlockRows) * matrix.ScaleColumns : null;
        TLanes unit = TLanes.Broadcast(TDecoder.Unit);
        byte* tail = stackalloc byte[16 * sizeof(float)];
        for (int k = 0; k < columns;)
        {
            int end = columns;
            TLanes scale = default;
            if (TDecoder.Scaled)
            {
                int block = (column + k) / matrix.BlockColumns;
                end = (int)Math.Min(columns, (block + 1L) * matrix.BlockColumns - column);
                scale = TLanes.Broadcast(scales[block]);
            }

            for (; k + TLanes.Count <= end; k += TLanes.Count)
            {
                TLanes value = TDecoder.Load<TLanes>(weights + (long)k * TDecoder.Bytes);
                TLanes.Store(TDecoder.Scaled ? value * unit * scale : value, destination + k);
            }

            if (k < end)
            {
                PartialLanes.Pad(weights + (long)k * TDecoder.Bytes, (end - k) * TDecoder.Bytes, tail, TLanes.Count * TDecoder.Bytes);
                TLanes value = TDecoder.Load<TLanes>(tail);
                PartialLanes.Store(TDecoder.Scaled ? value * unit * scale : value, destination + k, end - k);
                k = end;
            }
        }
    }
}
