using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins of what keeps and reads rows of a cache.</summary>
internal static class ScalarCache
{
    /// <summary>Rows of values, one behind the other, as a cache of such a layout keeps them.</summary>
    public static float[] Store(ReadOnlySpan<float> values, in CacheLayout layout)
    {
        int width = layout.Shape.Row;
        var rows = new float[values.Length / width * layout.Length];
        for (int i = 0; i < values.Length; i++)
        {
            Span<float> row = rows.AsSpan(i / width * layout.Length, layout.Length);
            int head = i % width / layout.Shape.RowHead, column = i % width % layout.Shape.RowHead;
            switch (layout.Precision)
            {
                case CachePrecision.Float32:
                    row[i % width] = values[i];
                    break;
                case CachePrecision.BFloat16:
                    MemoryMarshal.Cast<float, ushort>(row)[i % width] = ScalarBFloat16.Round(values[i]);
                    break;
                default:
                    int piece = column < layout.FirstPiece ? 0 : 1, first = piece * layout.FirstPiece;
                    int end = piece == 0 ? layout.FirstPiece : layout.Shape.RowHead;
                    float largest = Largest(values.Slice(i - column + first, end - first));
                    Span<float> part = row.Slice(head * layout.PartLength, layout.PartLength);
                    part[piece] = largest / 127;
                    MemoryMarshal.Cast<float, sbyte>(part[CacheLayout.Scales..])[column]
                        = (sbyte)MathF.Round(values[i] * (127 / largest), MidpointRounding.ToEven);
                    break;
            }
        }

        return rows;
    }

    /// <summary>The values that <see cref="Store"/> left of them.</summary>
    public static float[] Load(ReadOnlySpan<float> rows, in CacheLayout layout)
    {
        int width = layout.Shape.Row;
        var values = new float[rows.Length / layout.Length * width];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<float> row = rows.Slice(i / width * layout.Length, layout.Length);
            int head = i % width / layout.Shape.RowHead, column = i % width % layout.Shape.RowHead;
            values[i] = layout.Precision switch
            {
                CachePrecision.Float32 => row[i % width],
                CachePrecision.BFloat16 => BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<float, ushort>(row)[i % width] << 16),
                _ => row[head * layout.PartLength + (column < layout.FirstPiece ? 0 : 1)]
                    * MemoryMarshal.Cast<float, sbyte>(row[(head * layout.PartLength + CacheLayout.Scales)..])[column],
            };
        }

        return values;
    }

    private static float Largest(ReadOnlySpan<float> values)
    {
        float largest = 0;
        foreach (float value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }
}
