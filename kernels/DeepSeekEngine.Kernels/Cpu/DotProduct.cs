using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Dot products in one canonical order, whichever way they are computed, so that a token's result never depends on its batch:
/// <code>
/// s = s0 + p_0 + p_1 + ...             p_i: panels of 1024 elements, in order
/// p = sum(((a_0 + a_1) + a_2) + a_3)   a_j: lanes; register v of the panel is multiplied into a_(v mod 4), in order
/// </code>
/// The last four registers of a panel are filled up with zeros.
/// </summary>
internal static unsafe class DotProduct
{
    /// <summary>Elements of a panel: what of four rows and three tokens together fits a first-level cache.</summary>
    public const int Panel = 1024;

    private const int Accumulators = 4;
    private const int TileRows = 4;
    private const int TileColumns = 3;
    private const int MaxStep = Accumulators * 16;
    private const int PrefetchDistance = 4096;

    /// <summary>
    /// s0 + the dot product of a stored row and x: decoded in registers, read as one stream.
    /// A scaled encoding's blocks must begin at multiples of four registers.
    /// </summary>
    public static float Row<TLanes, TDecoder>(in WeightMatrix matrix, int row, float* x, float s0)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        byte* weights = matrix.Data + (long)row * matrix.Columns * TDecoder.Bytes;
        float* scales = TDecoder.Scaled ? matrix.Scales + (long)(row / matrix.BlockRows) * matrix.ScaleColumns : null;
        float sum = s0;
        for (int column = 0; column < matrix.Columns; column += Panel)
        {
            int length = Math.Min(Panel, matrix.Columns - column);
            sum += PanelSum<TLanes, TDecoder>(
                weights + (long)column * TDecoder.Bytes, scales, column, matrix.BlockColumns, x + column, length);
        }

        return sum;
    }

    /// <summary>The dot product of two float32 rows.</summary>
    public static float Of<TLanes>(float* a, float* b, int length)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float sum = 0;
        for (int start = 0; start < length; start += Panel)
        {
            sum += PanelSum<TLanes, F32Decoder>((byte*)(a + start), null, 0, 0, b + start, Math.Min(Panel, length - start));
        }

        return sum;
    }

    /// <summary>
    /// y[j][i * yStride] = (accumulate ? y[j][i * yStride] : 0) + a_i . b_j, i &lt; aCount, j &lt; bCount, in register tiles.
    /// </summary>
    /// <param name="a">Row i begins at i * aStride.</param>
    public static void Products<TLanes>(
        float* a, long aStride, int aCount, float** b, int bCount, int bOffset, int length, float** y, int yStride, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* sums = stackalloc float[TileRows * TileColumns];
        for (int start = 0; start < length; start += Panel, accumulate = true)
        {
            int panel = Math.Min(Panel, length - start);
            float* rows = a + start;
            int offset = bOffset + start;
            int j = 0;
            for (; j + TileColumns <= bCount; j += TileColumns)
            {
                int i = 0;
                for (; i + TileRows <= aCount; i += TileRows)
                {
                    Tile<TLanes>(
                        rows + i * aStride, aStride, b[j] + offset, b[j + 1] + offset, b[j + 2] + offset, panel, sums);
                    for (int t = 0; t < TileRows * TileColumns; t++)
                    {
                        float* target = y[j + t / TileRows] + (long)(i + t % TileRows) * yStride;
                        *target = (accumulate ? *target : 0) + sums[t];
                    }
                }

                for (int column = j; column < j + TileColumns; column++)
                {
                    Column<TLanes>(rows, aStride, i, aCount, b[column] + offset, panel, y[column], yStride, accumulate);
                }
            }

            for (; j < bCount; j++)
            {
                Column<TLanes>(rows, aStride, 0, aCount, b[j] + offset, panel, y[j], yStride, accumulate);
            }
        }
    }

    private static void Column<TLanes>(
        float* a, long aStride, int first, int end, float* b, int length, float* y, int yStride, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int i = first; i < end; i++)
        {
            float* target = y + (long)i * yStride;
            float sum = PanelSum<TLanes, F32Decoder>((byte*)(a + i * aStride), null, 0, 0, b, length);
            *target = (accumulate ? *target : 0) + sum;
        }
    }

    /// <param name="scales">The scales of the matrix row; block = column / blockColumns.</param>
    /// <param name="column">The matrix column of the panel's first element.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static float PanelSum<TLanes, TDecoder>(byte* weights, float* scales, int column, int blockColumns, float* x, int length)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int step = Accumulators * TLanes.Count;
        int full = length & -step;
        TLanes a0 = default, a1 = default, a2 = default, a3 = default;
        for (int k = 0; k < full;)
        {
            int end = full;
            TLanes scale = default;
            if (TDecoder.Scaled)
            {
                int block = (column + k) / blockColumns;
                end = (int)Math.Min(full, (block + 1L) * blockColumns - column);
                scale = TLanes.Broadcast(scales[block] * TDecoder.Unit);
            }

            for (; k < end; k += step)
            {
                byte* w = weights + (long)k * TDecoder.Bytes;
                if (Sse.IsSupported && TDecoder.Bytes < sizeof(float))
                {
                    Sse.Prefetch0(w + PrefetchDistance);
                }

                int register = TLanes.Count * TDecoder.Bytes;
                a0 = Add<TLanes, TDecoder>(w, x + k, scale, a0);
                a1 = Add<TLanes, TDecoder>(w + register, x + k + TLanes.Count, scale, a1);
                a2 = Add<TLanes, TDecoder>(w + 2 * register, x + k + 2 * TLanes.Count, scale, a2);
                a3 = Add<TLanes, TDecoder>(w + 3 * register, x + k + 3 * TLanes.Count, scale, a3);
            }
        }

        if (full < length)
        {
            byte* w = stackalloc byte[MaxStep * sizeof(float)];
            float* xs = stackalloc float[MaxStep];
            PartialLanes.Pad(weights + (long)full * TDecoder.Bytes, (length - full) * TDecoder.Bytes, w, step * TDecoder.Bytes);
            PartialLanes.Pad(x + full, length - full, xs, step);
            TLanes scale = TDecoder.Scaled ? TLanes.Broadcast(scales[(column + full) / blockColumns] * TDecoder.Unit) : default;
            int register = TLanes.Count * TDecoder.Bytes;
            a0 = Add<TLanes, TDecoder>(w, xs, scale, a0);
            a1 = Add<TLanes, TDecoder>(w + register, xs + TLanes.Count, scale, a1);
            a2 = Add<TLanes, TDecoder>(w + 2 * register, xs + 2 * TLanes.Count, scale, a2);
            a3 = Add<TLanes, TDecoder>(w + 3 * register, xs + 3 * TLanes.Count, scale, a3);
        }

        return TLanes.Sum(a0 + a1 + a2 + a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Add<TLanes, TDecoder>(byte* weights, float* x, TLanes scale, TLanes sum)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        TLanes w = TDecoder.Load<TLanes>(weights);
        return TLanes.MultiplyAdd(TDecoder.Scaled ? w * scale : w, TLanes.Load(x), sum);
    }

    /// <summary>
    /// sums[j * 4 + i] = a_i . b_j over one panel. Twelve accumulators fill a 16-register file, so the four of the canonical
    /// order are summed in four passes, each over every fourth register of the rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Tile<TLanes>(float* a, long aStride, float* b0, float* b1, float* b2, int length, float* sums)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int step = Accumulators * TLanes.Count;
        int full = length & -step;
        int rest = length - full;
        float* tail = stackalloc float[(TileRows + TileColumns) * MaxStep];
        TLanes* totals = stackalloc TLanes[TileRows * TileColumns];
        if (rest > 0)
        {
            for (int i = 0; i < TileRows; i++)
            {
                PartialLanes.Pad(a + i * aStride + full, rest, tail + i * MaxStep, step);
            }

            PartialLanes.Pad(b0 + full, rest, tail + 4 * MaxStep, step);
            PartialLanes.Pad(b1 + full, rest, tail + 5 * MaxStep, step);
            PartialLanes.Pad(b2 + full, rest, tail + 6 * MaxStep, step);
        }

        for (int pass = 0; pass < Accumulators; pass++)
        {
            TLanes s00 = default, s01 = default, s02 = default, s03 = default;
            TLanes s10 = default, s11 = default, s12 = default, s13 = default;
            TLanes s20 = default, s21 = default, s22 = default, s23 = default;
            float* w0 = a, w1 = a + aStride, w2 = a + 2 * aStride, w3 = a + 3 * aStride;
            float* x0 = b0, x1 = b1, x2 = b2;
            for (int end = full; ; end = step)
            {
                for (int k = pass * TLanes.Count; k < end; k += step)
                {
                    TLanes v0 = TLanes.Load(x0 + k), v1 = TLanes.Load(x1 + k), v2 = TLanes.Load(x2 + k);
                    TLanes w = TLanes.Load(w0 + k);
                    s00 = TLanes.MultiplyAdd(w, v0, s00);
                    s10 = TLanes.MultiplyAdd(w, v1, s10);
                    s20 = TLanes.MultiplyAdd(w, v2, s20);
                    w = TLanes.Load(w1 + k);
                    s01 = TLanes.MultiplyAdd(w, v0, s01);
                    s11 = TLanes.MultiplyAdd(w, v1, s11);
                    s21 = TLanes.MultiplyAdd(w, v2, s21);
                    w = TLanes.Load(w2 + k);
                    s02 = TLanes.MultiplyAdd(w, v0, s02);
                    s12 = TLanes.MultiplyAdd(w, v1, s12);
                    s22 = TLanes.MultiplyAdd(w, v2, s22);
                    w = TLanes.Load(w3 + k);
                    s03 = TLanes.MultiplyAdd(w, v0, s03);
                    s13 = TLanes.MultiplyAdd(w, v1, s13);
                    s23 = TLanes.MultiplyAdd(w, v2, s23);
                }

                if (rest == 0 || w0 == tail)
                {
                    break;
                }

                w0 = tail;
                w1 = tail + MaxStep;
                w2 = tail + 2 * MaxStep;
                w3 = tail + 3 * MaxStep;
                x0 = tail + 4 * MaxStep;
                x1 = tail + 5 * MaxStep;
                x2 = tail + 6 * MaxStep;
            }

            if (pass == 0)
            {
                totals[0] = s00;
                totals[1] = s01;
                totals[2] = s02;
                totals[3] = s03;
                totals[4] = s10;
                totals[5] = s11;
                totals[6] = s12;
                totals[7] = s13;
                totals[8] = s20;
                totals[9] = s21;
                totals[10] = s22;
                totals[11] = s23;
            }
            else
            {
                totals[0] += s00;
                totals[1] += s01;
                totals[2] += s02;
                totals[3] += s03;
                totals[4] += s10;
                totals[5] += s11;
                totals[6] += s12;
                totals[7] += s13;
                totals[8] += s20;
                totals[9] += s21;
                totals[10] += s22;
                totals[11] += s23;
            }
        }

        for (int i = 0; i < TileRows * TileColumns; i++)
        {
            sums[i] = TLanes.Sum(totals[i]);
        }
    }
}
