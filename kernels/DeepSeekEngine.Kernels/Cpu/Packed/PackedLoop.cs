using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>The loop over a panel that every compiled micro-kernel is: see <see cref="PackedTile"/>.</summary>
internal static unsafe class PackedLoop
{
    /// <summary>Tokens whose sums fill a 16-register file together with a line of weights.</summary>
    private const int TileTokens = 4;

    /// <summary>Far enough for memory to answer, near enough that the first-level cache keeps it.</summary>
    private const int PrefetchDistance = 4096;

    public static void Run<TFormat, TDot, TWeights, TSums>(PackedTile* tile)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums>
        where TWeights : unmanaged
        where TSums : unmanaged
    {
        if (tile->Tokens == 1)
        {
            One<TFormat, TDot, TWeights, TSums>(tile);
            return;
        }

        for (int t = 0; t < tile->Tokens; t += TileTokens)
        {
            SeveralTokens<TFormat, TDot, TWeights, TSums>(tile, t);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One<TFormat, TDot, TWeights, TSums>(PackedTile* tile)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums>
        where TWeights : unmanaged
        where TSums : unmanaged
    {
        byte* block = tile->Weights;
        sbyte* x = tile->X;
        float* xScales = tile->XScales;
        int* xSums = tile->XSums;
        float* y = tile->Y;
        int columns = tile->Blocks * TFormat.BlockColumns;
        new Span<float>(y, PackedLayout.PanelRows).Clear();
        for (int column = 0; column < columns; block += TFormat.BlockBytes)
        {
            byte* scales = block;
            byte* line = block + TFormat.BlockColumns / TFormat.GroupColumns * TFormat.ScaleBytes;
            for (int blockEnd = column + TFormat.BlockColumns; column < blockEnd; column += TFormat.GroupColumns)
            {
                TSums sums = default;
                for (int k = 0; k < TFormat.GroupColumns; k += TFormat.LineColumns, line += PackedLayout.Alignment)
                {
                    if (Sse.IsSupported)
                    {
                        Sse.Prefetch0(line + PrefetchDistance);
                    }

                    sums = TDot.Add(sums, TDot.Load(line), x + column + k);
                }

                TDot.Fold(sums, XSum<TFormat>(xSums, column), scales, xScales[column / QuantizedRows.GroupColumns], y);
                scales += TFormat.ScaleBytes;
            }
        }
    }

    /// <summary>Up to four tokens; where there are fewer, the last is computed more than once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SeveralTokens<TFormat, TDot, TWeights, TSums>(PackedTile* tile, int token)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums>
        where TWeights : unmanaged
        where TSums : unmanaged
    {
        nint last = tile->Tokens - 1;
        nint t0 = token, t1 = Math.Min(token + 1, last), t2 = Math.Min(token + 2, last), t3 = Math.Min(token + 3, last);
        byte* block = tile->Weights;
        sbyte* x0 = tile->X + t0 * tile->XStride;
        sbyte* x1 = tile->X + t1 * tile->XStride;
        sbyte* x2 = tile->X + t2 * tile->XStride;
        sbyte* x3 = tile->X + t3 * tile->XStride;
        int columns = tile->Blocks * TFormat.BlockColumns;
        float* y = stackalloc float[TileTokens * PackedLayout.PanelRows];
        new Span<float>(y, TileTokens * PackedLayout.PanelRows).Clear();
        for (int column = 0; column < columns; block += TFormat.BlockBytes)
        {
            byte* scales = block;
            byte* line = block + TFormat.BlockColumns / TFormat.GroupColumns * TFormat.ScaleBytes;
            for (int blockEnd = column + TFormat.BlockColumns; column < blockEnd; column += TFormat.GroupColumns)
            {
                TSums s0 = default, s1 = default, s2 = default, s3 = default;
                for (int k = column; k < column + TFormat.GroupColumns; k += TFormat.LineColumns, line += PackedLayout.Alignment)
                {
                    TWeights weights = TDot.Load(line);
                    s0 = TDot.Add(s0, weights, x0 + k);
                    s1 = TDot.Add(s1, weights, x1 + k);
                    s2 = TDot.Add(s2, weights, x2 + k);
                    s3 = TDot.Add(s3, weights, x3 + k);
                }

                float* xScales = tile->XScales + column / QuantizedRows.GroupColumns;
                int* xSums = tile->XSums;
                nint xSumStride = tile->XSumStride, xScaleStride = tile->XScaleStride;
                TDot.Fold(s0, XSum<TFormat>(xSums + t0 * xSumStride, column), scales, xScales[t0 * xScaleStride], y);
                TDot.Fold(s1, XSum<TFormat>(xSums + t1 * xSumStride, column), scales, xScales[t1 * xScaleStride], y + 16);
                TDot.Fold(s2, XSum<TFormat>(xSums + t2 * xSumStride, column), scales, xScales[t2 * xScaleStride], y + 32);
                TDot.Fold(s3, XSum<TFormat>(xSums + t3 * xSumStride, column), scales, xScales[t3 * xScaleStride], y + 48);
                scales += TFormat.ScaleBytes;
            }
        }

        for (int t = 0; t < TileTokens && token + t <= last; t++)
        {
            new ReadOnlySpan<float>(y + t * PackedLayout.PanelRows, PackedLayout.PanelRows)
                .CopyTo(new Span<float>(tile->Y + (token + t) * tile->YStride, PackedLayout.PanelRows));
        }
    }

    /// <summary>The sum of a token's integers of the group that begins at a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XSum<TFormat>(int* xSums, int column)
        where TFormat : IPackedFormat
    {
        int* sums = xSums + column / QuantizedRows.SumColumns;
        return TFormat.GroupColumns == QuantizedRows.SumColumns ? sums[0] : sums[0] + sums[1] + sums[2] + sums[3];
    }
}
