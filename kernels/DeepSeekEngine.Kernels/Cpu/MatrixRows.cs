using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Products with, and decoding of, a block of rows of a stored matrix: the one place where an encoding becomes a type.
/// </summary>
internal static unsafe class MatrixRows
{
    /// <summary>Rows of a task, the least that is worth claiming; who claims several that follow each other computes them as one.</summary>
    public const int Block = 32;

    /// <summary>Rows a task works on when there are many tokens to prepare, which then serve more rows.</summary>
    public const int ManyTokensBlock = 128;

    /// <summary>
    /// Tokens a task works on at most: a segment of each stays in a second-level cache while all the task's rows pass over them.
    /// </summary>
    public const int TokenBlock = 128;

    /// <summary>Decoded rows that, a segment of each, stay in a first-level cache while tokens pass over them.</summary>
    private const int DecodedRows = 8;

    /// <summary>Decoded rows when there are few tokens, whose segments are what stays in the first-level cache.</summary>
    private const int FewDecodedRows = 4;

    /// <summary>From this many tokens on, packing them costs less than reading them at whatever stride they lie.</summary>
    public const int ManyTokens = 12;

    /// <summary>Tokens from the one being packed to the one asked of memory: their rows lie where no hardware looks ahead.</summary>
    private const int PackAhead = 3;

    /// <summary>Floats of scratch <see cref="Multiply{TLanes}"/> needs.</summary>
    public const int ScratchLength = FloatScratchLength > BFloat16Rows.ScratchLength ? FloatScratchLength : BFloat16Rows.ScratchLength;

    private const int FloatScratchLength = (DecodedRows + TokenBlock) * (DotProduct.MaxSegment + 16);

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . x[j], i &lt; rows, j &lt; count.</summary>
    /// <param name="packed">For a packed matrix, what x[j] is quantised to: row (first + j) * Step + part.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> floats.</param>
    /// <param name="next">What will be multiplied after these rows, if it is not those that follow them: asked of memory meanwhile.</param>
    public static void Multiply<TLanes>(
        in WeightMatrix matrix, int row, int rows, float** x, in PackedProducts packed, int first, int part,
        float** y, int count, bool accumulate, float* scratch, byte* next = null)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (matrix.BFloat16.Tile != null)
        {
            BFloat16Rows.Multiply(matrix, row, rows, x, y, count, accumulate, scratch, next);
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
                packed.Multiply(matrix, row, rows, first, part, y, count, accumulate, scratch, next);
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

    [SkipLocalsInit]
    private static void Multiply<TLanes, TDecoder>(
        in WeightMatrix matrix, int row, int rows, float** x, float** y, int count, bool accumulate, float* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        if (count == 1)
        {
            if (TDecoder.Scaled && !StoredRows.CanMultiply<TLanes, TDecoder>(matrix, row, rows))
            {
                StoredRows.MultiplyDecoded<TLanes, TDecoder>(matrix, row, rows, x[0], y[0], accumulate, scratch);
            }
            else
            {
                StoredRows.Multiply<TLanes, TDecoder>(matrix, row, rows, x[0], y[0], accumulate);
            }

            return;
        }

        float** packed = stackalloc float*[TokenBlock];
        float** targets = stackalloc float*[TokenBlock];
        int segment = DotProduct.SegmentRegisters * TLanes.Count;

        // Equal parts of rows a power of two apart would be in the same banks of the first-level cache.
        int stride = segment + TLanes.Count;
        float* tokens = scratch + DecodedRows * stride;
        bool many = count >= ManyTokens;
        int pass = many ? rows : FewDecodedRows;
        int decoded = many ? DecodedRows : FewDecodedRows;
        for (int first = 0; first < rows; first += pass)
        {
            int end = Math.Min(rows, first + pass);
            for (int column = 0; column < matrix.Columns; column += segment)
            {
                int columns = Math.Min(segment, matrix.Columns - column);
                int padded = columns + (-columns & (DotProduct.Step * TLanes.Count - 1));
                for (int j = 0; j < count; j++)
                {
                    packed[j] = x[j] + column;
                    if (many || padded > columns)
                    {
                        packed[j] = tokens + j * stride;
                        Pack<TLanes>(x[j] + column, x[Math.Min(j + PackAhead, count - 1)] + column, columns, packed[j], padded);
                    }
                }

                for (int i = first; i < end; i += decoded)
                {
                    int group = Math.Min(decoded, end - i);
                    for (int r = 0; r < group; r++)
                    {
                        float* destination = scratch + r * stride;
                        DecodeRow<TLanes, TDecoder>(matrix, row + i + r, column, columns, destination);
                        new Span<float>(destination + columns, padded - columns).Clear();
                    }

                    for (int j = 0; j < count; j++)
                    {
                        targets[j] = y[j] + i;
                    }

                    DotProduct.Products<TLanes>(
                        scratch, stride, group, packed, count, 0, padded, targets, 1, accumulate || column > 0);
                }
            }
        }
    }

    /// <summary>Copies count floats, fills up to padded with zeros, and asks for as many floats of the token after.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pack<TLanes>(float* source, float* next, int count, float* destination, int padded)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int k = 0;
        for (; k + 16 <= count; k += 16)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(next + k);
            }

            for (int i = 0; i < 16; i += TLanes.Count)
            {
                TLanes.Store(TLanes.Load(source + k + i), destination + k + i);
            }
        }

        PartialLanes.Pad(source + k, count - k, destination + k, padded - k);
    }

    /// <summary>destination[k] = W[row, column + k], k &lt; columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void DecodeRow<TLanes, TDecoder>(in WeightMatrix matrix, int row, int column, int columns, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        byte* weights = matrix.Data + ((long)row * matrix.Columns + column) * TDecoder.Bytes;
        if (!TDecoder.Scaled)
        {
            Decode<TLanes, TDecoder>(weights, columns, 0, destination);
            return;
        }

        float* scales = matrix.Scales + (long)(row / matrix.BlockRows) * matrix.ScaleColumns;
        for (int k = 0; k < columns;)
        {
            int block = (column + k) / matrix.BlockColumns;
            int count = (int)Math.Min(columns, (block + 1L) * matrix.BlockColumns - column) - k;
            float scale = scales[block];
            bool folded = Float8.IsFoldable(scale);
            Decode<TLanes, TDecoder>(weights + k, count, folded ? scale * ElementBits.F8Factor : ElementBits.F8Factor, destination + k);
            for (int i = folded ? count : 0; i < count; i++)
            {
                destination[k + i] *= scale;
            }

            k += count;
        }

        Float8.MarkNaN(weights, columns, destination);
    }

    /// <summary>destination[k] = decoded[k] (times the factor, if the encoding is scaled), k &lt; count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Decode<TLanes, TDecoder>(byte* weights, int count, float factor, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int step = DotProduct.Step * TLanes.Count;
        TLanes scale = TLanes.Broadcast(factor);
        nint k = 0;
        for (; k + step <= count; k += step)
        {
            DecodeStep<TLanes, TDecoder>(weights + k * TDecoder.Bytes, scale, destination + k);
        }

        if (k < count)
        {
            byte* stored = stackalloc byte[DotProduct.MaxStep * sizeof(float)];
            float* tail = stackalloc float[DotProduct.MaxStep];
            int rest = count - (int)k;
            PartialLanes.Pad(weights + k * TDecoder.Bytes, rest * TDecoder.Bytes, stored, step * TDecoder.Bytes);
            DecodeStep<TLanes, TDecoder>(stored, scale, tail);
            new ReadOnlySpan<float>(tail, rest).CopyTo(new Span<float>(destination + k, rest));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecodeStep<TLanes, TDecoder>(byte* weights, TLanes scale, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        TDecoder.Load(weights, out TLanes a, out TLanes b, out TLanes c, out TLanes d);
        TLanes.Store(TDecoder.Scaled ? a * scale : a, destination);
        TLanes.Store(TDecoder.Scaled ? b * scale : b, destination + TLanes.Count);
        TLanes.Store(TDecoder.Scaled ? c * scale : c, destination + 2 * TLanes.Count);
        TLanes.Store(TDecoder.Scaled ? d * scale : d, destination + 3 * TLanes.Count);
    }
}
