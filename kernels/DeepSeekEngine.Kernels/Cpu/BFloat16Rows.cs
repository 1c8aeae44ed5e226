using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Products of a block of rows with activations rounded to bfloat16. Weights of 8 and 16 bits are bfloat16 exactly, so they are laid
/// out for the instruction as they are and multiplied by their blocks' scales only in float32 sums. One token or many, the same
/// additions are done in the same order.
/// </summary>
internal static unsafe class BFloat16Rows
{
    /// <summary>Columns that are laid out at a time; their weights and the tokens of one tile fit a first-level cache.</summary>
    public const int Panel = 1024;

    private const int MaxTokens = 14;
    private const int MinBlockColumns = 64;
    private const int StepColumns = 2 * BFloat16Tile.PairStep;

    /// <summary>Elements from one row to the next: whole cache lines, but not a distance at which lines evict each other.</summary>
    private const int RowStride = Panel + 32;

    // Parts of the scratch memory in floats. The rows are no longer needed when the activations take their place.
    private const int PanelLength = PackedLayout.PanelRows * Panel / 2;
    private const int RowsLength = PackedLayout.PanelRows * RowStride / 2;
    private const int SumsLength = MatrixRows.TokenBlock * PackedLayout.PanelRows;
    private const int ScalesLength = Panel / MinBlockColumns * PackedLayout.PanelRows;

    /// <summary>Floats of scratch <see cref="Multiply{TLanes}"/> needs.</summary>
    public const int ScratchLength = PanelLength + RowsLength + SumsLength + ScalesLength;

    /// <summary>Whether a matrix has weights that are bfloat16 exactly, and scales that few sums need.</summary>
    public static bool Supports(in WeightMatrix matrix) => matrix.Encoding switch
    {
        WeightEncoding.BF16 => true,
        WeightEncoding.F8E4M3 => matrix.BlockColumns >= MinBlockColumns && Panel % matrix.BlockColumns == 0,
        _ => false,
    };

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . round(x[j]), i &lt; rows, j &lt; count &lt;= 128.</summary>
    /// <param name="scratch"><see cref="ScratchLength"/> floats on a cache line.</param>
    public static void Multiply<TLanes>(
        delegate* unmanaged<BFloat16Tile*, void> kernel, in WeightMatrix matrix, int row, int rows, float** x, float** y, int count,
        bool accumulate, float* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* sums = scratch + PanelLength + RowsLength;
        for (int done = 0; done < rows; done += PackedLayout.PanelRows)
        {
            int wanted = Math.Min(PackedLayout.PanelRows, rows - done);
            MultiplyPanel<TLanes>(kernel, matrix, row + done, wanted, x, count, scratch, sums);
            for (int j = 0; j < count; j++)
            {
                float* target = y[j] + done;
                for (int i = 0; i < wanted; i++)
                {
                    target[i] = (accumulate ? target[i] : 0) + sums[j * PackedLayout.PanelRows + i];
                }
            }
        }
    }

    /// <summary>sums[j * 16 + i] = W[row + i] . round(x[j]).</summary>
    private static void MultiplyPanel<TLanes>(
        delegate* unmanaged<BFloat16Tile*, void> kernel, in WeightMatrix matrix, int row, int rows, float** x, int count, float* scratch,
        float* sums)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var weights = (ushort*)scratch;
        var lines = (ushort*)(scratch + PanelLength);
        float* scales = sums + SumsLength;
        new Span<float>(sums, count * PackedLayout.PanelRows).Clear();
        for (int column = 0; column < matrix.Columns; column += Panel)
        {
            int columns = Math.Min(Panel, matrix.Columns - column);
            int blockColumns = matrix.Encoding == WeightEncoding.BF16 ? RoundUp(columns, StepColumns) : matrix.BlockColumns;
            int padded = RoundUp(columns, blockColumns);
            for (int i = 0; i < PackedLayout.PanelRows; i++)
            {
                int stored = i < rows ? columns : 0;
                LoadRow<TLanes>(matrix, row + i, column, stored, lines + i * RowStride);
                new Span<ushort>(lines + i * RowStride + stored, padded - stored).Clear();
                for (int block = 0; block * blockColumns < padded; block++)
                {
                    scales[block * PackedLayout.PanelRows + i] = stored == 0 ? 0 : Scale(matrix, row + i, column + block * blockColumns);
                }
            }

            Interleave((int*)lines, (int*)weights, padded / 2);
            for (int token = 0; token < count; token += MaxTokens)
            {
                int tokens = Math.Min(MaxTokens, count - token);
                for (int t = 0; t < tokens; t++)
                {
                    Round(x[token + t] + column, lines + t * RowStride, columns);
                    new Span<ushort>(lines + t * RowStride + columns, padded - columns).Clear();
                }

                var tile = new BFloat16Tile
                {
                    Weights = weights,
                    Scales = scales,
                    Blocks = padded / blockColumns,
                    Pairs = blockColumns / 2,
                    Tokens = tokens,
                    X = lines,
                    XStride = RowStride,
                    Y = sums + token * PackedLayout.PanelRows,
                    YStride = PackedLayout.PanelRows,
                };
                kernel(&tile);
            }
        }
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private static float Scale(in WeightMatrix matrix, int row, int column)
        => matrix.Encoding == WeightEncoding.BF16
            ? 1
            : matrix.Scales[(long)(row / matrix.BlockRows) * matrix.ScaleColumns + column / matrix.BlockColumns];

    /// <summary>The stored elements of a row, without their scales, as bfloat16.</summary>
    [SkipLocalsInit]
    private static void LoadRow<TLanes>(in WeightMatrix matrix, int row, int column, int columns, ushort* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        long index = (long)row * matrix.Columns + column;
        if (matrix.Encoding == WeightEncoding.BF16)
        {
            new ReadOnlySpan<ushort>((ushort*)matrix.Data + index, columns).CopyTo(new Span<ushort>(destination, columns));
            return;
        }

        float* decoded = stackalloc float[Panel];
        int step = 4 * TLanes.Count;
        TLanes factor = TLanes.Broadcast(ElementBits.F8Factor);
        byte* tail = stackalloc byte[4 * 16];
        for (int k = 0; k < columns; k += step)
        {
            byte* source = matrix.Data + index + k;
            if (columns - k < step)
            {
                PartialLanes.Pad(source, columns - k, tail, step);
                source = tail;
            }

            F8E4M3Decoder.Load(source, out TLanes a, out TLanes b, out TLanes c, out TLanes d);
            TLanes.Store(a * factor, decoded + k);
            TLanes.Store(b * factor, decoded + k + TLanes.Count);
            TLanes.Store(c * factor, decoded + k + 2 * TLanes.Count);
            TLanes.Store(d * factor, decoded + k + 3 * TLanes.Count);
        }

        Float8.MarkNaN(matrix.Data + index, columns, decoded);

        // Nothing is lost by rounding: three bits of fraction become seven.
        Round(decoded, destination, columns);
    }

    /// <summary>To the nearest, ties to even; NaN stays NaN.</summary>
    private static void Round(float* source, ushort* destination, int count)
    {
        int k = 0;
        for (; k + 2 * Vector256<uint>.Count <= count; k += 2 * Vector256<uint>.Count)
        {
            Vector256.Narrow(RoundedUpper(source + k), RoundedUpper(source + k + Vector256<uint>.Count)).Store(destination + k);
        }

        for (; k < count; k++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[k]);
            destination[k] = (ushort)(float.IsNaN(source[k]) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> RoundedUpper(float* source)
    {
        Vector256<float> value = Vector256.Load(source);
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> upper = bits >>> 16;
        Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + (upper & Vector256<uint>.One)) >>> 16;
        return Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, upper | Vector256.Create(0x40u));
    }

    /// <summary>destination[pair * 16 + i] = row i's pair, the rows a stride apart.</summary>
    private static void Interleave(int* rows, int* destination, int pairs)
    {
        int pair = 0;
        if (Avx2.IsSupported)
        {
            for (; pair + 8 <= pairs; pair += 8)
            {
                Transpose(rows + pair, destination + pair * PackedLayout.PanelRows);
                Transpose(rows + 8 * RowStride / 2 + pair, destination + pair * PackedLayout.PanelRows + 8);
            }
        }

        for (; pair < pairs; pair++)
        {
            for (int i = 0; i < PackedLayout.PanelRows; i++)
            {
                destination[pair * PackedLayout.PanelRows + i] = rows[i * RowStride / 2 + pair];
            }
        }
    }

    /// <summary>destination[k * 16 + i] = element k of row i, i and k &lt; 8.</summary>
    private static void Transpose(int* rows, int* destination)
    {
        const int stride = RowStride / 2;
        for (int half = 0; half < 8; half += 4)
        {
            // Rows i and i + 4 side by side, so that no later step crosses the middle of a register.
            Vector256<int> a = Halves(rows + half), b = Halves(rows + half + stride);
            Vector256<int> c = Halves(rows + half + 2 * stride), d = Halves(rows + half + 3 * stride);
            Vector256<long> abLow = Avx2.UnpackLow(a, b).AsInt64(), abHigh = Avx2.UnpackHigh(a, b).AsInt64();
            Vector256<long> cdLow = Avx2.UnpackLow(c, d).AsInt64(), cdHigh = Avx2.UnpackHigh(c, d).AsInt64();
            int* target = destination + half * PackedLayout.PanelRows;
            Avx2.UnpackLow(abLow, cdLow).AsInt32().Store(target);
            Avx2.UnpackHigh(abLow, cdLow).AsInt32().Store(target + PackedLayout.PanelRows);
            Avx2.UnpackLow(abHigh, cdHigh).AsInt32().Store(target + 2 * PackedLayout.PanelRows);
            Avx2.UnpackHigh(abHigh, cdHigh).AsInt32().Store(target + 3 * PackedLayout.PanelRows);
        }

        static Vector256<int> Halves(int* row) => Vector256.Create(Vector128.Load(row), Vector128.Load(row + 4 * stride));
    }
}
