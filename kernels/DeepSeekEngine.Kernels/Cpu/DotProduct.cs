using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Dot products in one canonical order, whichever way they are computed, so that a token's result never depends on its batch:
/// <code>
/// s = s0 + p_0 + p_1 + ...   p_i: segments of SegmentRegisters registers' elements, in order
/// p = Sum(a)                 a: the lanes of one register, into which those of the segment are multiplied in order
/// </code>
/// The last four registers of a segment are filled up with zeros. A segment needs no other state than one register a product, which
/// leaves every kernel free to choose which products it computes side by side.
/// </summary>
internal static unsafe class DotProduct
{
    /// <summary>Registers of a segment: few enough that their decoded rows fit a first-level cache, and for the rounding errors.</summary>
    public const int SegmentRegisters = 64;

    /// <summary>Elements of a segment in the widest registers.</summary>
    public const int MaxSegment = SegmentRegisters * 16;

    /// <summary>Registers a decoder gives at a time.</summary>
    public const int Step = 4;

    /// <summary>Elements of a step in the widest registers.</summary>
    public const int MaxStep = Step * 16;

    private const int TileRows = 4;

    private interface ITileColumns
    {
        static abstract int Count { get; }
    }

    /// <summary>The dot product of two float32 rows.</summary>
    public static float Of<TLanes>(float* a, float* b, int length)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var row = new WeightMatrix { Encoding = WeightEncoding.F32, Rows = 1, Columns = length, Data = (byte*)a };
        float sum;
        StoredRows.Multiply<TLanes, F32Decoder>(row, 0, 1, b, &sum, false);
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
        int segment = SegmentRegisters * TLanes.Count;
        for (int start = 0; start < length; start += segment, accumulate = true)
        {
            int count = Math.Min(segment, length - start);
            float* rows = a + start;
            int offset = bOffset + start;
            int j = 0;

            // Twenty-four sums, six columns and a row take 31 of 32 registers; twelve, three and one take 16 of 16.
            if (TLanes.Count == 16 || AdvSimd.IsSupported)
            {
                for (; j + 6 <= bCount; j += 6)
                {
                    Columns<TLanes, Six>(rows, aStride, aCount, b + j, offset, count, y + j, yStride, accumulate);
                }
            }

            for (; j + 3 <= bCount; j += 3)
            {
                Columns<TLanes, Three>(rows, aStride, aCount, b + j, offset, count, y + j, yStride, accumulate);
            }

            if (bCount - j == 2)
            {
                Columns<TLanes, Two>(rows, aStride, aCount, b + j, offset, count, y + j, yStride, accumulate);
            }
            else if (bCount - j == 1)
            {
                Columns<TLanes, One>(rows, aStride, aCount, b + j, offset, count, y + j, yStride, accumulate);
            }
        }
    }

    [SkipLocalsInit]
    private static void Columns<TLanes, TColumns>(
        float* a, long aStride, int aCount, float** b, int bOffset, int length, float** y, int yStride, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
        where TColumns : ITileColumns
    {
        int step = Step * TLanes.Count;
        int rest = length % step;
        float** columns = stackalloc float*[2 * TColumns.Count];
        for (int j = 0; j < TColumns.Count; j++)
        {
            columns[j] = b[j] + bOffset;
        }

        float* padded = stackalloc float[rest == 0 ? 0 : (TileRows + TColumns.Count) * MaxStep];
        if (rest > 0)
        {
            for (int j = 0; j < TColumns.Count; j++)
            {
                columns[TColumns.Count + j] = padded + (TileRows + j) * MaxStep;
                PartialLanes.Pad(columns[j] + length - rest, rest, columns[TColumns.Count + j], step);
            }
        }

        var sums = stackalloc Vector128<float>[TColumns.Count];
        for (int i = 0; i < aCount; i += TileRows, a += TileRows * aStride)
        {
            int rows = Math.Min(TileRows, aCount - i);
            float* a1 = rows > 1 ? a + aStride : a;
            float* a2 = rows > 2 ? a + 2 * aStride : a;
            float* a3 = rows > 3 ? a + 3 * aStride : a;
            if (rest > 0)
            {
                PartialLanes.Pad(a + length - rest, rest, padded, step);
                PartialLanes.Pad(a1 + length - rest, rest, padded + MaxStep, step);
                PartialLanes.Pad(a2 + length - rest, rest, padded + 2 * MaxStep, step);
                PartialLanes.Pad(a3 + length - rest, rest, padded + 3 * MaxStep, step);
            }

            Tile<TLanes, TColumns>(a, a1, a2, a3, columns, length - rest, rest == 0 ? null : padded, sums);
            for (int j = 0; j < TColumns.Count; j++)
            {
                float* target = y[j] + (long)i * yStride;
                if (rows == TileRows && yStride == 1)
                {
                    ((accumulate ? Vector128.Load(target) : Vector128<float>.Zero) + sums[j]).Store(target);
                    continue;
                }

                for (int r = 0; r < rows; r++)
                {
                    target[(long)r * yStride] = (accumulate ? target[(long)r * yStride] : 0) + sums[j][r];
                }
            }
        }
    }

    /// <summary>sums[j] = [a0 . b_j, a1 . b_j, a2 . b_j, a3 . b_j] over one segment.</summary>
    /// <param name="b">The columns; then, if there is a <paramref name="tail"/>, the columns of the step that follows.</param>
    /// <param name="length">A multiple of four registers.</param>
    /// <param name="tail">Null, or the rows of the step that follows, MaxStep apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TLanes, TColumns>(
        float* a0, float* a1, float* a2, float* a3, float** b, nint length, float* tail, Vector128<float>* sums)
        where TLanes : unmanaged, ILanes<TLanes>
        where TColumns : ITileColumns
    {
        TLanes s00 = default, s01 = default, s02 = default, s03 = default;
        TLanes s10 = default, s11 = default, s12 = default, s13 = default;
        TLanes s20 = default, s21 = default, s22 = default, s23 = default;
        TLanes s30 = default, s31 = default, s32 = default, s33 = default;
        TLanes s40 = default, s41 = default, s42 = default, s43 = default;
        TLanes s50 = default, s51 = default, s52 = default, s53 = default;
        while (true)
        {
            float* b0 = b[0];
            float* b1 = TColumns.Count > 1 ? b[1] : null;
            float* b2 = TColumns.Count > 2 ? b[2] : null;
            float* b3 = TColumns.Count > 3 ? b[3] : null;
            float* b4 = TColumns.Count > 4 ? b[4] : null;
            float* b5 = TColumns.Count > 5 ? b[5] : null;
            for (nint k = 0; k < length; k += TLanes.Count)
            {
                TLanes x0 = TLanes.Load(b0 + k);
                TLanes x1 = TColumns.Count > 1 ? TLanes.Load(b1 + k) : default;
                TLanes x2 = TColumns.Count > 2 ? TLanes.Load(b2 + k) : default;
                TLanes x3 = TColumns.Count > 3 ? TLanes.Load(b3 + k) : default;
                TLanes x4 = TColumns.Count > 4 ? TLanes.Load(b4 + k) : default;
                TLanes x5 = TColumns.Count > 5 ? TLanes.Load(b5 + k) : default;
                TLanes w = TLanes.Load(a0 + k);
                s00 = TLanes.MultiplyAdd(w, x0, s00);
                s10 = TColumns.Count > 1 ? TLanes.MultiplyAdd(w, x1, s10) : s10;
                s20 = TColumns.Count > 2 ? TLanes.MultiplyAdd(w, x2, s20) : s20;
                s30 = TColumns.Count > 3 ? TLanes.MultiplyAdd(w, x3, s30) : s30;
                s40 = TColumns.Count > 4 ? TLanes.MultiplyAdd(w, x4, s40) : s40;
                s50 = TColumns.Count > 5 ? TLanes.MultiplyAdd(w, x5, s50) : s50;
                w = TLanes.Load(a1 + k);
                s01 = TLanes.MultiplyAdd(w, x0, s01);
                s11 = TColumns.Count > 1 ? TLanes.MultiplyAdd(w, x1, s11) : s11;
                s21 = TColumns.Count > 2 ? TLanes.MultiplyAdd(w, x2, s21) : s21;
                s31 = TColumns.Count > 3 ? TLanes.MultiplyAdd(w, x3, s31) : s31;
                s41 = TColumns.Count > 4 ? TLanes.MultiplyAdd(w, x4, s41) : s41;
                s51 = TColumns.Count > 5 ? TLanes.MultiplyAdd(w, x5, s51) : s51;
                w = TLanes.Load(a2 + k);
                s02 = TLanes.MultiplyAdd(w, x0, s02);
                s12 = TColumns.Count > 1 ? TLanes.MultiplyAdd(w, x1, s12) : s12;
                s22 = TColumns.Count > 2 ? TLanes.MultiplyAdd(w, x2, s22) : s22;
                s32 = TColumns.Count > 3 ? TLanes.MultiplyAdd(w, x3, s32) : s32;
                s42 = TColumns.Count > 4 ? TLanes.MultiplyAdd(w, x4, s42) : s42;
                s52 = TColumns.Count > 5 ? TLanes.MultiplyAdd(w, x5, s52) : s52;
                w = TLanes.Load(a3 + k);
                s03 = TLanes.MultiplyAdd(w, x0, s03);
                s13 = TColumns.Count > 1 ? TLanes.MultiplyAdd(w, x1, s13) : s13;
                s23 = TColumns.Count > 2 ? TLanes.MultiplyAdd(w, x2, s23) : s23;
                s33 = TColumns.Count > 3 ? TLanes.MultiplyAdd(w, x3, s33) : s33;
                s43 = TColumns.Count > 4 ? TLanes.MultiplyAdd(w, x4, s43) : s43;
                s53 = TColumns.Count > 5 ? TLanes.MultiplyAdd(w, x5, s53) : s53;
            }

            if (tail is null)
            {
                break;
            }

            a0 = tail;
            a1 = tail + MaxStep;
            a2 = tail + 2 * MaxStep;
            a3 = tail + 3 * MaxStep;
            b += TColumns.Count;
            length = Step * TLanes.Count;
            tail = null;
        }

        sums[0] = TLanes.Sums(s00, s01, s02, s03);
        if (TColumns.Count > 1)
        {
            sums[1] = TLanes.Sums(s10, s11, s12, s13);
        }

        if (TColumns.Count > 2)
        {
            sums[2] = TLanes.Sums(s20, s21, s22, s23);
        }

        if (TColumns.Count > 3)
        {
            sums[3] = TLanes.Sums(s30, s31, s32, s33);
            sums[4] = TLanes.Sums(s40, s41, s42, s43);
            sums[5] = TLanes.Sums(s50, s51, s52, s53);
        }
    }

    private readonly struct One : ITileColumns
    {
        public static int Count => 1;
    }

    private readonly struct Two : ITileColumns
    {
        public static int Count => 2;
    }

    private readonly struct Three : ITileColumns
    {
        public static int Count => 3;
    }

    private readonly struct Six : ITileColumns
    {
        public static int Count => 6;
    }
}
