using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Rows of a packed matrix as float32.</summary>
internal static unsafe class PackedDecoder
{
    private const int MaxGroupColumns = PackedLayout.Int8BlockColumns;

    /// <summary>destination[k] = W[row, column + k], k &lt; columns.</summary>
    public static void DecodeRow<TLanes>(in WeightMatrix matrix, int row, int column, int columns, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        byte* panel = matrix.Data + row / PackedLayout.PanelRows * PackedLayout.PanelBytes(matrix.Encoding, matrix.Columns);
        int r = row % PackedLayout.PanelRows;
        if (matrix.Encoding == WeightEncoding.Int8)
        {
            DecodeRow<TLanes, Int8Format>(panel, r, column, columns, destination);
        }
        else
        {
            DecodeRow<TLanes, Int4Format>(panel, r, column, columns, destination);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void DecodeRow<TLanes, TFormat>(byte* panel, int row, int column, int columns, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
        where TFormat : IPackedFormat
    {
        sbyte* integers = stackalloc sbyte[MaxGroupColumns];
        float* decoded = stackalloc float[MaxGroupColumns];
        for (int end = column + columns; column < end;)
        {
            int group = column / TFormat.GroupColumns;
            int skipped = column % TFormat.GroupColumns;
            int count = Math.Min(end - column, TFormat.GroupColumns - skipped);
            int groupsPerBlock = TFormat.BlockColumns / TFormat.GroupColumns;
            byte* block = panel + (long)(group / groupsPerBlock) * TFormat.BlockBytes;
            byte* line = block + groupsPerBlock * TFormat.ScaleBytes
                + group % groupsPerBlock * (TFormat.GroupColumns / TFormat.LineColumns * PackedLayout.Alignment) + row * PackedLayout.StepColumns;
            TLanes scale = TLanes.Broadcast(TFormat.Scale(block + group % groupsPerBlock * TFormat.ScaleBytes, row));
            for (int k = 0; k < TFormat.GroupColumns; k += 8, line += 8 / TFormat.LineColumns * PackedLayout.Alignment)
            {
                Unsafe.WriteUnaligned(integers + k, TFormat.EightColumns(line));
            }

            // Whole groups are decoded where they belong, parts of them are cut out.
            float* target = count == TFormat.GroupColumns ? destination : decoded;
            for (int k = 0; k < TFormat.GroupColumns; k += TLanes.Count)
            {
                TLanes.Store(TLanes.LoadI8(integers + k) * scale, target + k);
            }

            if (target == decoded)
            {
                new ReadOnlySpan<float>(decoded + skipped, count).CopyTo(new Span<float>(destination, count));
            }

            column += count;
            destination += count;
        }
    }
}
