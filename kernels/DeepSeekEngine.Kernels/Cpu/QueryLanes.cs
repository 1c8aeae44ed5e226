using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Softmax attention of a group of queries, each in a lane of one or two registers, over blocks of rows. With queries side by side,
/// scores need no sum across a register, and the softmax of all of them is computed at once. A query's arithmetic depends neither on
/// its lane nor on what the other lanes hold.
/// </summary>
internal static unsafe class QueryLanes
{
    /// <summary>Registers a group has at most.</summary>
    public const int MaxRegisters = 2;

    /// <summary>Rows a block has at most; scores and row pointers of a block have room for as many.</summary>
    public const int Block = 96;

    /// <summary>What the maximum begins with: finite, so that a block nothing of which is seen leaves everything as it was.</summary>
    public const float NoMaximum = float.MinValue;

    // Elements summed one after the other. Panels' sums are added up: shorter chains round less.
    private const int Panel = 32;

    // Rows a tile has with queries in two registers and in one; Block is a multiple of both.
    private const int PairRows = 6;
    private const int SingleRows = 8;

    /// <summary>Registers of the group that begins at a query, <paramref name="queries"/> to go.</summary>
    public static int Registers<TLanes>(int queries)
        where TLanes : unmanaged, ILanes<TLanes> => queries > TLanes.Count ? MaxRegisters : 1;

    /// <summary>packed[k * lanes + i] = x[i * stride + k], i &lt; count, k &lt; width; lanes from count on are zero.</summary>
    public static void Pack(float* x, long stride, int count, int width, float* packed, int lanes)
    {
        int i = 0;
        for (; i + 4 <= count; i += 4)
        {
            float* r0 = x + i * stride, r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride;
            float* target = packed + i;
            for (nint k = 0; k < width; k++, target += lanes)
            {
                Vector128.Create(r0[k], r1[k], r2[k], r3[k]).Store(target);
            }
        }

        for (; i < lanes; i++)
        {
            float* row = x + i * stride;
            float* target = packed + i;
            for (nint k = 0; k < width; k++, target += lanes)
            {
                *target = i < count ? row[k] : 0;
            }
        }
    }

    /// <summary>
    /// scores[j, i] = (accumulate ? scores[j, i] : 0) + sum_k packed[k, i] rows[j][k], summed in ascending order within panels of elements and then over panels.
    /// </summary>
    /// <param name="packed">[width, registers * lanes].</param>
    /// <param name="rows">Block pointers, which are read from <paramref name="offset"/> on; those from count on may be read for nothing.</param>
    /// <param name="scores">[Block, registers * lanes].</param>
    /// <param name="next">
    /// Block pointers to what is read after these rows, which is asked of memory meanwhile; null if nothing is. A few elements of many
    /// rows are an order in which no processor looks ahead by itself.
    /// </param>
    /// <param name="nextWidth">Elements of each that are read.</param>
    public static void Scores<TLanes>(
        float* packed, int registers, float** rows, int count, int offset, int width, float* scores, bool accumulate,
        float** next = null, int nextWidth = 0)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int step = registers == 1 ? SingleRows : PairRows;
        int lanes = registers * TLanes.Count;
        int whole = (count + step - 1) / step * step;

        for (int k = 0; k < width; k += Panel, accumulate = true)
        {
            int length = Math.Min(Panel, width - k);
            for (int j = 0; j < whole; j += step)
            {
                for (int i = j; next != null && i < j + step; i++)
                {
                    int ahead = (int)((long)nextWidth * k / width);
                    Prefetch(next[i] + ahead, (int)((long)nextWidth * (k + length) / width) - ahead);
                }

                if (registers == 1)
                {
                    ScoreSingle<TLanes>(packed + k * lanes, rows + j, offset + k, length, scores + j * lanes, accumulate);
                }
                else
                {
                    ScorePair<TLanes>(packed + k * lanes, rows + j, offset + k, length, scores + j * lanes, accumulate);
                }
            }
        }
    }

    /// <summary>
    /// Replaces the scores s_j of a block by p_j = exp(scale * s_j - maximum), the maximum over all blocks so far, and adds them to
    /// the sum; decay becomes what everything weighted by earlier blocks must be multiplied by, exp(old maximum - maximum)
    /// (Milakov and Gimelshein, 2018). All of maximum, sum and decay are [registers * lanes].
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax<TLanes>(float* scores, int registers, int count, float scale, float* maximum, float* sum, float* decay)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int lanes = registers * TLanes.Count;
        TLanes factor = TLanes.Broadcast(scale);
        for (int lane = 0; lane < lanes; lane += TLanes.Count)
        {
            float* column = scores + lane;
            TLanes old = TLanes.Load(maximum + lane);
            TLanes largest = old;
            for (int j = 0; j < count; j++)
            {
                TLanes score = TLanes.Load(column + j * lanes) * factor;
                TLanes.Store(score, column + j * lanes);
                largest = TLanes.Max(largest, score);
            }

            TLanes shift = largest * TLanes.Broadcast(-1);
            // Row j is added to sum j mod 4; rows nobody sees, which weigh nothing, thus change nothing.
            TLanes t0 = default, t1 = default, t2 = default, t3 = default;
            for (int j = 0; j < count; j += 4)
            {
                t0 += Weigh(column + j * lanes, shift);
                t1 += j + 1 < count ? Weigh(column + (j + 1) * lanes, shift) : default;
                t2 += j + 2 < count ? Weigh(column + (j + 2) * lanes, shift) : default;
                t3 += j + 3 < count ? Weigh(column + (j + 3) * lanes, shift) : default;
            }

            TLanes total = t0 + t1 + (t2 + t3);
            TLanes kept = TLanes.Exp(old + shift);
            TLanes.Store(kept, decay + lane);
            TLanes.Store(largest, maximum + lane);
            TLanes.Store(TLanes.MultiplyAdd(TLanes.Load(sum + lane), kept, total), sum + lane);
        }
    }

    /// <summary>Asks for elements of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* source, int length)
    {
        for (int k = 0; Sse.IsSupported && k < length; k += 16)
        {
            Sse.Prefetch1(source + k);
        }
    }

    /// <summary>Replaces scores by exp(score + shift).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Weigh<TLanes>(float* scores, TLanes shift)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes weight = TLanes.Exp(TLanes.Load(scores) + shift);
        TLanes.Store(weight, scores);
        return weight;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScorePair<TLanes>(float* packed, float** rows, int offset, int length, float* scores, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c = TLanes.Count;
        TLanes s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default;
        TLanes s30 = default, s31 = default, s40 = default, s41 = default, s50 = default, s51 = default;
        float* r0 = rows[0] + offset, r1 = rows[1] + offset, r2 = rows[2] + offset;
        float* r3 = rows[3] + offset, r4 = rows[4] + offset, r5 = rows[5] + offset;
        for (nint k = 0; k < length; k++, packed += 2 * c)
        {
            TLanes q0 = TLanes.Load(packed), q1 = TLanes.Load(packed + c);
            TLanes x = TLanes.Broadcast(r0[k]);
            s00 = TLanes.MultiplyAdd(q0, x, s00);
            s01 = TLanes.MultiplyAdd(q1, x, s01);
            x = TLanes.Broadcast(r1[k]);
            s10 = TLanes.MultiplyAdd(q0, x, s10);
            s11 = TLanes.MultiplyAdd(q1, x, s11);
            x = TLanes.Broadcast(r2[k]);
            s20 = TLanes.MultiplyAdd(q0, x, s20);
            s21 = TLanes.MultiplyAdd(q1, x, s21);
            x = TLanes.Broadcast(r3[k]);
            s30 = TLanes.MultiplyAdd(q0, x, s30);
            s31 = TLanes.MultiplyAdd(q1, x, s31);
            x = TLanes.Broadcast(r4[k]);
            s40 = TLanes.MultiplyAdd(q0, x, s40);
            s41 = TLanes.MultiplyAdd(q1, x, s41);
            x = TLanes.Broadcast(r5[k]);
            s50 = TLanes.MultiplyAdd(q0, x, s50);
            s51 = TLanes.MultiplyAdd(q1, x, s51);
        }

        if (accumulate)
        {
            s00 += TLanes.Load(scores);
            s01 += TLanes.Load(scores + c);
            s10 += TLanes.Load(scores + 2 * c);
            s11 += TLanes.Load(scores + 3 * c);
            s20 += TLanes.Load(scores + 4 * c);
            s21 += TLanes.Load(scores + 5 * c);
            s30 += TLanes.Load(scores + 6 * c);
            s31 += TLanes.Load(scores + 7 * c);
            s40 += TLanes.Load(scores + 8 * c);
            s41 += TLanes.Load(scores + 9 * c);
            s50 += TLanes.Load(scores + 10 * c);
            s51 += TLanes.Load(scores + 11 * c);
        }

        TLanes.Store(s00, scores);
        TLanes.Store(s01, scores + c);
        TLanes.Store(s10, scores + 2 * c);
        TLanes.Store(s11, scores + 3 * c);
        TLanes.Store(s20, scores + 4 * c);
        TLanes.Store(s21, scores + 5 * c);
        TLanes.Store(s30, scores + 6 * c);
        TLanes.Store(s31, scores + 7 * c);
        TLanes.Store(s40, scores + 8 * c);
        TLanes.Store(s41, scores + 9 * c);
        TLanes.Store(s50, scores + 10 * c);
        TLanes.Store(s51, scores + 11 * c);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreSingle<TLanes>(float* packed, float** rows, int offset, int length, float* scores, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c = TLanes.Count;
        TLanes s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        float* r0 = rows[0] + offset, r1 = rows[1] + offset, r2 = rows[2] + offset, r3 = rows[3] + offset;
        float* r4 = rows[4] + offset, r5 = rows[5] + offset, r6 = rows[6] + offset, r7 = rows[7] + offset;
        for (nint k = 0; k < length; k++, packed += c)
        {
            TLanes q = TLanes.Load(packed);
            s0 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r0[k]), s0);
            s1 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r1[k]), s1);
            s2 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r2[k]), s2);
            s3 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r3[k]), s3);
            s4 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r4[k]), s4);
            s5 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r5[k]), s5);
            s6 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r6[k]), s6);
            s7 = TLanes.MultiplyAdd(q, TLanes.Broadcast(r7[k]), s7);
        }

        if (accumulate)
        {
            s0 += TLanes.Load(scores);
            s1 += TLanes.Load(scores + c);
            s2 += TLanes.Load(scores + 2 * c);
            s3 += TLanes.Load(scores + 3 * c);
            s4 += TLanes.Load(scores + 4 * c);
            s5 += TLanes.Load(scores + 5 * c);
            s6 += TLanes.Load(scores + 6 * c);
            s7 += TLanes.Load(scores + 7 * c);
        }

        TLanes.Store(s0, scores);
        TLanes.Store(s1, scores + c);
        TLanes.Store(s2, scores + 2 * c);
        TLanes.Store(s3, scores + 3 * c);
        TLanes.Store(s4, scores + 4 * c);
        TLanes.Store(s5, scores + 5 * c);
        TLanes.Store(s6, scores + 6 * c);
        TLanes.Store(s7, scores + 7 * c);
    }
}
