using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Weighted sums of a block's rows for queries in lanes: y_i = decay_i * y_i + sum_j w_ji row_j, j in ascending order. An element's
/// arithmetic does not depend on how queries and columns are tiled.
/// </summary>
internal static unsafe class QueryValues
{
    /// <param name="rows">count pointers, which are read from <paramref name="offset"/> on.</param>
    /// <param name="weights">[count, lanes].</param>
    /// <param name="decay">[lanes].</param>
    /// <param name="y">[queries, width], rows yStride apart.</param>
    public static void Add<TLanes>(
        float** rows, int count, int offset, float* weights, int lanes, float* decay, float* y, long yStride, int queries, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int column = 0;
        while (column + TLanes.Count <= width)
        {
            // Four registers left are better divided evenly than as three and one.
            int left = (width - column) / TLanes.Count;
            int registers = left == 4 ? 2 : Math.Min(left, 3);
            int i = 0;
            for (; i + 4 <= queries; i += 4)
            {
                float* target = y + i * yStride + column;
                switch (registers)
                {
                    case 3:
                        Tile3<TLanes>(rows, count, offset + column, weights + i, lanes, decay + i, target, yStride);
                        break;
                    case 2:
                        Tile2<TLanes>(rows, count, offset + column, weights + i, lanes, decay + i, target, yStride);
                        break;
                    default:
                        Tile1<TLanes>(rows, count, offset + column, weights + i, lanes, decay + i, target, yStride);
                        break;
                }
            }

            for (; i < queries; i++)
            {
                for (int part = 0; part < registers; part++)
                {
                    int c = column + part * TLanes.Count;
                    Single<TLanes>(rows, count, offset + c, weights + i, lanes, decay[i], y + i * yStride + c, TLanes.Count);
                }
            }

            column += registers * TLanes.Count;
        }

        if (column < width)
        {
            for (int i = 0; i < queries; i++)
            {
                Single<TLanes>(
                    rows, count, offset + column, weights + i, lanes, decay[i], y + i * yStride + column, width - column);
            }
        }
    }

    private static void Single<TLanes>(
        float** rows, int count, int offset, float* weights, int lanes, float decay, float* y, int columns)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (columns < TLanes.Count)
        {
            TLanes partial = PartialLanes.Load<TLanes>(y, columns) * TLanes.Broadcast(decay);
            for (int j = 0; j < count; j++)
            {
                partial = TLanes.MultiplyAdd(
                    TLanes.Broadcast(weights[j * lanes]), PartialLanes.Load<TLanes>(rows[j] + offset, columns), partial);
            }

            PartialLanes.Store(partial, y, columns);
            return;
        }

        TLanes sum = TLanes.Load(y) * TLanes.Broadcast(decay);
        for (int j = 0; j < count; j++)
        {
            sum = TLanes.MultiplyAdd(TLanes.Broadcast(weights[j * lanes]), TLanes.Load(rows[j] + offset), sum);
        }

        TLanes.Store(sum, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile3<TLanes>(
        float** rows, int count, nint offset, float* weights, nint lanes, float* decay, float* y, long yStride)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c1 = TLanes.Count, c2 = 2 * TLanes.Count;
        float* y1 = y + yStride, y2 = y + 2 * yStride, y3 = y + 3 * yStride;
        TLanes d = TLanes.Broadcast(decay[0]);
        TLanes s00 = TLanes.Load(y) * d, s01 = TLanes.Load(y + c1) * d, s02 = TLanes.Load(y + c2) * d;
        d = TLanes.Broadcast(decay[1]);
        TLanes s10 = TLanes.Load(y1) * d, s11 = TLanes.Load(y1 + c1) * d, s12 = TLanes.Load(y1 + c2) * d;
        d = TLanes.Broadcast(decay[2]);
        TLanes s20 = TLanes.Load(y2) * d, s21 = TLanes.Load(y2 + c1) * d, s22 = TLanes.Load(y2 + c2) * d;
        d = TLanes.Broadcast(decay[3]);
        TLanes s30 = TLanes.Load(y3) * d, s31 = TLanes.Load(y3 + c1) * d, s32 = TLanes.Load(y3 + c2) * d;
        for (nint j = 0; j < count; j++, weights += lanes)
        {
            float* row = rows[j] + offset;
            TLanes r0 = TLanes.Load(row), r1 = TLanes.Load(row + c1), r2 = TLanes.Load(row + c2);
            TLanes w = TLanes.Broadcast(weights[0]);
            s00 = TLanes.MultiplyAdd(w, r0, s00);
            s01 = TLanes.MultiplyAdd(w, r1, s01);
            s02 = TLanes.MultiplyAdd(w, r2, s02);
            w = TLanes.Broadcast(weights[1]);
            s10 = TLanes.MultiplyAdd(w, r0, s10);
            s11 = TLanes.MultiplyAdd(w, r1, s11);
            s12 = TLanes.MultiplyAdd(w, r2, s12);
            w = TLanes.Broadcast(weights[2]);
            s20 = TLanes.MultiplyAdd(w, r0, s20);
            s21 = TLanes.MultiplyAdd(w, r1, s21);
            s22 = TLanes.MultiplyAdd(w, r2, s22);
            w = TLanes.Broadcast(weights[3]);
            s30 = TLanes.MultiplyAdd(w, r0, s30);
            s31 = TLanes.MultiplyAdd(w, r1, s31);
            s32 = TLanes.MultiplyAdd(w, r2, s32);
        }

        TLanes.Store(s00, y);
        TLanes.Store(s01, y + c1);
        TLanes.Store(s02, y + c2);
        TLanes.Store(s10, y1);
        TLanes.Store(s11, y1 + c1);
        TLanes.Store(s12, y1 + c2);
        TLanes.Store(s20, y2);
        TLanes.Store(s21, y2 + c1);
        TLanes.Store(s22, y2 + c2);
        TLanes.Store(s30, y3);
        TLanes.Store(s31, y3 + c1);
        TLanes.Store(s32, y3 + c2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2<TLanes>(
        float** rows, int count, nint offset, float* weights, nint lanes, float* decay, float* y, long yStride)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c1 = TLanes.Count;
        float* y1 = y + yStride, y2 = y + 2 * yStride, y3 = y + 3 * yStride;
        TLanes d = TLanes.Broadcast(decay[0]);
        TLanes s00 = TLanes.Load(y) * d, s01 = TLanes.Load(y + c1) * d;
        d = TLanes.Broadcast(decay[1]);
        TLanes s10 = TLanes.Load(y1) * d, s11 = TLanes.Load(y1 + c1) * d;
        d = TLanes.Broadcast(decay[2]);
        TLanes s20 = TLanes.Load(y2) * d, s21 = TLanes.Load(y2 + c1) * d;
        d = TLanes.Broadcast(decay[3]);
        TLanes s30 = TLanes.Load(y3) * d, s31 = TLanes.Load(y3 + c1) * d;
        for (nint j = 0; j < count; j++, weights += lanes)
        {
            float* row = rows[j] + offset;
            TLanes r0 = TLanes.Load(row), r1 = TLanes.Load(row + c1);
            TLanes w = TLanes.Broadcast(weights[0]);
            s00 = TLanes.MultiplyAdd(w, r0, s00);
            s01 = TLanes.MultiplyAdd(w, r1, s01);
            w = TLanes.Broadcast(weights[1]);
            s10 = TLanes.MultiplyAdd(w, r0, s10);
            s11 = TLanes.MultiplyAdd(w, r1, s11);
            w = TLanes.Broadcast(weights[2]);
            s20 = TLanes.MultiplyAdd(w, r0, s20);
            s21 = TLanes.MultiplyAdd(w, r1, s21);
            w = TLanes.Broadcast(weights[3]);
            s30 = TLanes.MultiplyAdd(w, r0, s30);
            s31 = TLanes.MultiplyAdd(w, r1, s31);
        }

        TLanes.Store(s00, y);
        TLanes.Store(s01, y + c1);
        TLanes.Store(s10, y1);
        TLanes.Store(s11, y1 + c1);
        TLanes.Store(s20, y2);
        TLanes.Store(s21, y2 + c1);
        TLanes.Store(s30, y3);
        TLanes.Store(s31, y3 + c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1<TLanes>(
        float** rows, int count, nint offset, float* weights, nint lanes, float* decay, float* y, long yStride)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* y1 = y + yStride, y2 = y + 2 * yStride, y3 = y + 3 * yStride;
        TLanes s0 = TLanes.Load(y) * TLanes.Broadcast(decay[0]), s1 = TLanes.Load(y1) * TLanes.Broadcast(decay[1]);
        TLanes s2 = TLanes.Load(y2) * TLanes.Broadcast(decay[2]), s3 = TLanes.Load(y3) * TLanes.Broadcast(decay[3]);
        for (nint j = 0; j < count; j++, weights += lanes)
        {
            TLanes row = TLanes.Load(rows[j] + offset);
            s0 = TLanes.MultiplyAdd(TLanes.Broadcast(weights[0]), row, s0);
            s1 = TLanes.MultiplyAdd(TLanes.Broadcast(weights[1]), row, s1);
            s2 = TLanes.MultiplyAdd(TLanes.Broadcast(weights[2]), row, s2);
            s3 = TLanes.MultiplyAdd(TLanes.Broadcast(weights[3]), row, s3);
        }

        TLanes.Store(s0, y);
        TLanes.Store(s1, y1);
        TLanes.Store(s2, y2);
        TLanes.Store(s3, y3);
    }
}
