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

    public static void Run<TFormat, TDot, TWeights, TSums, TScales>(PackedTile* tile)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums, TScales>
        where TWeights : unmanaged
        where TSums : unmanaged
        where TScales : unmanaged
    {
        if (tile->Tokens == 1)
        {
            One<TFormat, TDot, TWeights, TSums, TScales>(tile);
            return;
        }

        for (int t = 0; t < tile->Tokens; t += TileTokens)
        {
            SeveralTokens<TFormat, TDot, TWeights, TSums, TScales>(tile, t);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One<TFormat, TDot, TWeights, TSums, TScales>(PackedTile* tile)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums, TScales>
        where TWeights : unmanaged
        where TSums : unmanaged
        where TScales : unmanaged
    {
        byte* block = tile->Weights;
        sbyte* x = tile->X;
        float* xScales = tile->XScales;
        int* xBiases = tile->XBiases;
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

                TDot.Fold(
                    sums, xBiases[column / TFormat.GroupColumns], TDot.LoadScales(scales), xScales[column / QuantizedRows.GroupColumns], y);
                scales += TFormat.ScaleBytes;
            }
        }
    }

    /// <summary>Up to four tokens; where there are fewer, the last is computed more than once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SeveralTokens<TFormat, TDot, TWeights, TSums, TScales>(PackedTile* tile, int token)
        where TFormat : IPackedFormat
        where TDot : IPackedDot<TWeights, TSums, TScales>
        where TWeights : unmanaged
        where TSums : unmanaged
        where TScales : unmanaged
    {
        nint last = tile->Tokens - 1;
        nint t0 = token, t1 = Math.Min(token + 1, last), t2 = Math.Min(token + 2, last), t3 = Math.Min(token + 3, last);
        byte* block = tile->Weights;
        sbyte* x0 = tile->X + t0 * tile->XStride;
        sbyte* x1 = tile->X + t1 * tile->XStride;
        sbyte* x2 = tile->X + t2 * tile->XStride;
        sbyte* x3 = tile->X + t3 * tile->XStride;
        float* scales0 = tile->XScales + t0 * tile->XScaleStride;
        float* scales1 = tile->XScales + t1 * tile->XScaleStride;
        float* scales2 = tile->XScales + t2 * tile->XScaleStride;
        float* scales3 = tile->XScales + t3 * tile->XScaleStride;
        int* biases0 = tile->XBiases + t0 * tile->XBiasStride;
        int* biases1 = tile->XBiases + t1 * tile->XBiasStride;
        int* biases2 = tile->XBiases + t2 * tile->XBiasStride;
        int* biases3 = tile->XBiases + t3 * tile->XBiasStride;
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

                TScales rowScales = TDot.LoadScales(scales);
                nint group = column / TFormat.GroupColumns, scale = column / QuantizedRows.GroupColumns;
                TDot.Fold(s0, biases0[group], rowScales, scales0[scale], y);
                TDot.Fold(s1, biases1[group], rowScales, scales1[scale], y + PackedLayout.PanelRows);
                TDot.Fold(s2, biases2[group], rowScales, scales2[scale], y + 2 * PackedLayout.PanelRows);
                TDot.Fold(s3, biases3[group], rowScales, scales3[scale], y + 3 * PackedLayout.PanelRows);
                scales += TFormat.ScaleBytes;
            }
        }

        for (int t = 0; t < TileTokens && token + t <= last; t++)
        {
            new ReadOnlySpan<float>(y + t * PackedLayout.PanelRows, PackedLayout.PanelRows)
                .CopyTo(new Span<float>(tile->Y + (token + t) * tile->YStride, PackedLayout.PanelRows));
        }
    }
}
