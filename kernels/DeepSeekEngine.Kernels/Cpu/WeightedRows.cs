using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Weighted sums of rows, for several outputs at a time: y_o = decay_o * y_o + sum_j w_oj row_j, j in ascending order. An element's
/// arithmetic does not depend on how outputs and columns are tiled.
/// </summary>
internal static unsafe class WeightedRows
{
    /// <param name="rows">rowCount pointers; columns offset .. offset + width of each are summed.</param>
    /// <param name="weights">[outputs, rowCount] with rows weightStride apart.</param>
    /// <param name="decay">[outputs].</param>
    public static void Add<TLanes>(
        float** rows, int rowCount, int offset, float* weights, long weightStride, float* decay,
        float* y, long yStride, int outputs, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int column = 0;
        for (; column + 3 * TLanes.Count <= width; column += 3 * TLanes.Count)
        {
            int o = 0;
            for (; o + 4 <= outputs; o += 4)
            {
                Tile<TLanes>(rows, rowCount, offset + column, weights + o * weightStride, weightStride, decay + o,
                    y + o * yStride + column, yStride);
            }

            for (; o < outputs; o++)
            {
                Row<TLanes>(rows, rowCount, offset + column, weights + o * weightStride, decay[o], y + o * yStride + column);
            }
        }

        for (; column < width; column += TLanes.Count)
        {
            int lanes = Math.Min(TLanes.Count, width - column);
            for (int o = 0; o < outputs; o++)
            {
                Single<TLanes>(rows, rowCount, offset + column, weights + o * weightStride, decay[o], y + o * yStride + column, lanes);
            }
        }
    }

    private static void Single<TLanes>(float** rows, int rowCount, int offset, float* weights, float decay, float* y, int lanes)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        if (lanes < TLanes.Count)
        {
            TLanes partial = PartialLanes.Load<TLanes>(y, lanes) * TLanes.Broadcast(decay);
            for (int j = 0; j < rowCount; j++)
            {
                partial = TLanes.MultiplyAdd(TLanes.Broadcast(weights[j]), PartialLanes.Load<TLanes>(rows[j] + offset, lanes), partial);
            }

            PartialLanes.Store(partial, y, lanes);
            return;
        }

        TLanes sum = TLanes.Load(y) * TLanes.Broadcast(decay);
        for (int j = 0; j < rowCount; j++)
        {
            sum = TLanes.MultiplyAdd(TLanes.Broadcast(weights[j]), TLanes.Load(rows[j] + offset), sum);
        }

        TLanes.Store(sum, y);
    }

    /// <summary>One output by three registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<TLanes>(float** rows, int rowCount, int offset, float* weights, float decay, float* y)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c1 = TLanes.Count, c2 = 2 * TLanes.Count;
        TLanes d = TLanes.Broadcast(decay);
        TLanes s0 = TLanes.Load(y) * d, s1 = TLanes.Load(y + c1) * d, s2 = TLanes.Load(y + c2) * d;
        for (int j = 0; j < rowCount; j++)
        {
            float* row = rows[j] + offset;
            TLanes w = TLanes.Broadcast(weights[j]);
            s0 = TLanes.MultiplyAdd(w, TLanes.Load(row), s0);
            s1 = TLanes.MultiplyAdd(w, TLanes.Load(row + c1), s1);
            s2 = TLanes.MultiplyAdd(w, TLanes.Load(row + c2), s2);
        }

        TLanes.Store(s0, y);
        TLanes.Store(s1, y + c1);
        TLanes.Store(s2, y + c2);
    }

    /// <summary>Four outputs by three registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TLanes>(
        float** rows, int rowCount, int offset, float* weights, long weightStride, float* decay, float* y, long yStride)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int c1 = TLanes.Count, c2 = 2 * TLanes.Count;
        float* y1 = y + yStride, y2 = y + 2 * yStride, y3 = y + 3 * yStride;
        float* w1 = weights + weightStride, w2 = weights + 2 * weightStride, w3 = weights + 3 * weightStride;
        TLanes d = TLanes.Broadcast(decay[0]);
        TLanes s00 = TLanes.Load(y) * d, s01 = TLanes.Load(y + c1) * d, s02 = TLanes.Load(y + c2) * d;
        d = TLanes.Broadcast(decay[1]);
        TLanes s10 = TLanes.Load(y1) * d, s11 = TLanes.Load(y1 + c1) * d, s12 = TLanes.Load(y1 + c2) * d;
        d = TLanes.Broadcast(decay[2]);
        TLanes s20 = TLanes.Load(y2) * d, s21 = TLanes.Load(y2 + c1) * d, s22 = TLanes.Load(y2 + c2) * d;
        d = TLanes.Broadcast(decay[3]);
        TLanes s30 = TLanes.Load(y3) * d, s31 = TLanes.Load(y3 + c1) * d, s32 = TLanes.Load(y3 + c2) * d;
        for (int j = 0; j < rowCount; j++)
        {
            float* row = rows[j] + offset;
            TLanes r0 = TLanes.Load(row), r1 = TLanes.Load(row + c1), r2 = TLanes.Load(row + c2);
            TLanes w = TLanes.Broadcast(weights[j]);
            s00 = TLanes.MultiplyAdd(w, r0, s00);
            s01 = TLanes.MultiplyAdd(w, r1, s01);
            s02 = TLanes.MultiplyAdd(w, r2, s02);
            w = TLanes.Broadcast(w1[j]);
            s10 = TLanes.MultiplyAdd(w, r0, s10);
            s11 = TLanes.MultiplyAdd(w, r1, s11);
            s12 = TLanes.MultiplyAdd(w, r2, s12);
            w = TLanes.Broadcast(w2[j]);
            s20 = TLanes.MultiplyAdd(w, r0, s20);
            s21 = TLanes.MultiplyAdd(w, r1, s21);
            s22 = TLanes.MultiplyAdd(w, r2, s22);
            w = TLanes.Broadcast(w3[j]);
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
}
