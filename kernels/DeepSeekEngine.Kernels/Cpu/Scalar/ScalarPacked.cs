namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins, in float32 and with the same bits, of <see cref="Quantizer"/> and of products with packed matrices.</summary>
internal static unsafe class ScalarPacked
{
    /// <summary>The packed bytes of a row-major matrix.</summary>
    public static byte[] Pack(in WeightMatrix source, WeightEncoding target)
    {
        var packed = new byte[PackedLayout.ByteLength(target, source.Rows, source.Columns)];
        int group = target == WeightEncoding.Int8 ? PackedLayout.Int8BlockColumns : PackedLayout.Int4GroupColumns;
        var weights = new float[group];
        int blockColumns = PackedLayout.BlockColumns(target);
        for (int row = 0; row < PackedLayout.Panels(source.Rows) * PackedLayout.PanelRows; row++)
        {
            for (int column = 0; column < PackedLayout.Blocks(target, source.Columns) * blockColumns; column += group)
            {
                for (int k = 0; k < group; k++)
                {
                    bool inside = row < source.Rows && column + k < source.Columns;
                    weights[k] = inside ? (float)ScalarWeights.Decode(source, row, column + k) : 0;
                }

                (float scale, int[] integers) = target == WeightEncoding.Int8 ? Int8Group(weights) : Int4Group(weights);
                (long scaleAt, _, _) = Place(target, source.Columns, row, column);
                byte[] bytes = BitConverter.GetBytes(scale);
                (target == WeightEncoding.Int8 ? bytes : bytes[2..]).CopyTo(packed, scaleAt);
                for (int k = 0; k < group; k++)
                {
                    (_, long at, int shift) = Place(target, source.Columns, row, column + k);
                    packed[at] |= (byte)((integers[k] + Bias(target)) << shift);
                }
            }
        }

        return packed;
    }

    /// <summary>The scale and the integer of an element.</summary>
    public static (float Scale, int Integer) Element(in WeightMatrix packed, int row, int column)
    {
        (long scaleAt, long at, int shift) = Place(packed.Encoding, packed.Columns, row, column);
        bool bytes = packed.Encoding == WeightEncoding.Int8;
        float scale = bytes
            ? *(float*)(packed.Data + scaleAt)
            : BitConverter.UInt32BitsToSingle((uint)*(ushort*)(packed.Data + scaleAt) << 16);
        return (scale, ((packed.Data[at] >> shift) & (bytes ? 255 : 15)) - Bias(packed.Encoding));
    }

    /// <summary>A row of activations as the scales of groups of 128 columns and as integers.</summary>
    public static (float[] Scales, int[] Integers) Quantize(ReadOnlySpan<float> x)
    {
        const int group = QuantizedRows.GroupColumns;
        var scales = new float[(x.Length + group - 1) / group];
        var integers = new int[scales.Length * group];
        for (int g = 0; g < scales.Length; g++)
        {
            ReadOnlySpan<float> values = x.Slice(g * group, Math.Min(group, x.Length - g * group));
            float max = 0;
            foreach (float value in values)
            {
                max = Math.Max(max, Math.Abs(value));
            }

            scales[g] = !float.IsFinite(max) ? float.NaN : max < GroupRounding.Smallest ? 0 : max / 127;
            for (int k = 0; scales[g] > 0 && k < values.Length; k++)
            {
                integers[g * group + k] = (int)MathF.Round(values[k] * (127 / max));
            }
        }

        return (scales, integers);
    }

    /// <summary>x [count, columns] times the transposed matrix, by the equation of <see cref="PackedTile"/>.</summary>
    public static float[] Linear(ReadOnlySpan<float> x, in WeightMatrix packed)
    {
        int group = packed.Encoding == WeightEncoding.Int8 ? PackedLayout.Int8BlockColumns : PackedLayout.Int4GroupColumns;
        int count = x.Length / packed.Columns;
        var y = new float[count * packed.Rows];
        for (int t = 0; t < count; t++)
        {
            (float[] scales, int[] integers) = Quantize(x.Slice(t * packed.Columns, packed.Columns));
            for (int row = 0; row < packed.Rows; row++)
            {
                float sum = 0;
                for (int column = 0; column < packed.Columns; column += group)
                {
                    int products = 0;
                    for (int k = column; k < Math.Min(packed.Columns, column + group); k++)
                    {
                        products += Element(packed, row, k).Integer * integers[k];
                    }

                    float scale = Element(packed, row, column).Scale * scales[column / QuantizedRows.GroupColumns];
                    sum = float.MultiplyAddEstimate(products, scale, sum);
                }

                y[t * packed.Rows + row] = sum;
            }
        }

        return y;
    }

    private static int Bias(WeightEncoding encoding) => encoding == WeightEncoding.Int8 ? PackedLayout.Int8Bias : PackedLayout.Int4Bias;

    /// <summary>Where an element's scale and stored integer are, and how far the latter is shifted in its byte.</summary>
    private static (long Scale, long Stored, int Shift) Place(WeightEncoding encoding, int columns, int row, int column)
    {
        int blockColumns = PackedLayout.BlockColumns(encoding);
        int r = row % PackedLayout.PanelRows;
        int k = column % blockColumns;
        long block = row / PackedLayout.PanelRows * PackedLayout.PanelBytes(encoding, columns)
            + column / blockColumns * (long)PackedLayout.BlockBytes(encoding);
        return encoding == WeightEncoding.Int8
            ? (block + r * 4, block + 64 + k / 4 * 64 + r * 4 + k % 4, 0)
            : (block + k / 32 * 32 + r * 2, block + 64 + k / 8 * 64 + r * 4 + k % 4, k % 8 < 4 ? 0 : 4);
    }

    private static (float Scale, int[] Integers) Int8Group(float[] weights)
    {
        float max = weights.Max(Math.Abs);
        return max < GroupRounding.Smallest
            ? (0, new int[weights.Length])
            : (max / 127, Array.ConvertAll(weights, w => (int)MathF.Round(w * (127 / max))));
    }

    private static (float Scale, int[] Integers) Int4Group(float[] weights)
    {
        float extreme = weights.MaxBy(Math.Abs);
        if (Math.Abs(extreme) < GroupRounding.Smallest)
        {
            return (0, new int[weights.Length]);
        }

        (float Scale, int[] Integers, float Error)? best = null;
        foreach (float divisor in Quantizer.Divisors)
        {
            float scale = RoundToBFloat16(extreme / -divisor);
            int[] integers = Array.ConvertAll(weights, w => Math.Clamp((int)MathF.Round(w * (1 / scale)), -8, 7));
            var e = new float[8];
            for (int k = 0; k < weights.Length; k++)
            {
                float error = weights[k] - integers[k] * scale;
                e[k % 8] += error * error;
            }

            float sum = ((e[0] + e[4]) + (e[2] + e[6])) + ((e[1] + e[5]) + (e[3] + e[7]));
            if (best is null || sum < best.Value.Error)
            {
                best = (scale, integers, sum);
            }
        }

        return (best!.Value.Scale, best.Value.Integers);
    }

    private static float RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint low = bits & 0xFFFF;
        uint high = bits >> 16;
        bool up = low > 0x8000 || (low == 0x8000 && (high & 1) == 1);
        return BitConverter.UInt32BitsToSingle((up ? high + 1 : high) << 16);
    }
}
