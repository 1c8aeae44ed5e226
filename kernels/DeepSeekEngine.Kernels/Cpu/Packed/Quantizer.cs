using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Rounds row-major matrices to the panels of <see cref="PackedLayout"/>, a group of columns of a row at a time; the results do not
/// depend on the processor.
/// <code>
/// Int8    scale = max |w| / 127, q = round(w * (127 / max |w|))
/// Int4    scale = bf16(-m / c), m the weight of the largest magnitude (the first of equals), q = clamp(round(w * (1 / scale)), -8, 7)
///         c: that of the candidates, in order, with the least sum((w - scale q)^2)
/// </code>
/// round is to nearest, ties to even; sums are of eight lanes, lane j of the columns j modulo 8, added as a tree. A group whose
/// magnitudes are all below 2^-96 is stored as zeros.
/// </summary>
internal static unsafe class Quantizer
{
    /// <summary>
    /// What the largest weight of a four-bit group is divided by. 8 represents it exactly; less leaves room on the other side, more
    /// clips it in favour of all others.
    /// </summary>
    public static ReadOnlySpan<float> Divisors => [8, 7, 7.5f, 8.5f, 9, 9.5f];

    /// <summary>Floats of scratch for a matrix of so many columns.</summary>
    public static int ScratchLength(int columns) => checked(PackedLayout.PanelRows * PaddedColumns(columns));

    /// <summary>Packs panels <paramref name="firstPanel"/> .. of a row-major matrix.</summary>
    /// <param name="destination">The whole packed matrix, <see cref="PackedLayout.ByteLength"/> bytes; only these panels are written.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> floats.</param>
    /// <exception cref="NotFiniteNumberException">A weight is infinite or not a number.</exception>
    public static void Quantize(
        in WeightMatrix source, WeightEncoding target, int firstPanel, int panels, byte* destination, float* scratch)
    {
        int stride = PaddedColumns(source.Columns);
        for (int panel = firstPanel; panel < firstPanel + panels; panel++)
        {
            int row = panel * PackedLayout.PanelRows;
            int rows = Math.Min(PackedLayout.PanelRows, source.Rows - row);
            new Span<float>(scratch, PackedLayout.PanelRows * stride).Clear();
            MatrixRows.Decode<Lanes256>(source, row, rows, 0, source.Columns, scratch, stride);
            byte* bytes = destination + panel * PackedLayout.PanelBytes(target, source.Columns);
            for (int block = 0; block < PackedLayout.Blocks(target, source.Columns); block++)
            {
                for (int r = 0; r < PackedLayout.PanelRows; r++)
                {
                    float* weights = scratch + (long)r * stride + block * PackedLayout.BlockColumns(target);
                    bool finite = target == WeightEncoding.Int8
                        ? Int8Row(weights, bytes, r)
                        : Int4Row(weights, bytes, r);
                    if (!finite)
                    {
                        throw new NotFiniteNumberException(
                            $"Row {row + r} has a weight that is infinite or not a number in the {PackedLayout.BlockColumns(target)} "
                          + $"columns from {block * PackedLayout.BlockColumns(target)}.");
                    }
                }

                bytes += PackedLayout.BlockBytes(target);
            }
        }
    }

    private static int PaddedColumns(int columns)
        => checked(PackedLayout.Blocks(WeightEncoding.Int8, columns) * PackedLayout.Int8BlockColumns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Int8Row(float* weights, byte* block, int row)
    {
        float max = GroupRounding.LargestMagnitude(weights, PackedLayout.Int8BlockColumns);
        if (!float.IsFinite(max))
        {
            return false;
        }

        bool zero = max < GroupRounding.Smallest;
        ((float*)block)[row] = zero ? 0 : max / 127;
        float inverse = zero ? 0 : 127 / max;
        byte* steps = block + PackedLayout.PanelRows * sizeof(float) + row * PackedLayout.StepColumns;
        for (int k = 0; k < PackedLayout.Int8BlockColumns; k += 8)
        {
            ulong stored = Stored(GroupRounding.Round(weights + k, inverse), PackedLayout.Int8Bias);
            Unsafe.WriteUnaligned(steps, (uint)stored);
            Unsafe.WriteUnaligned(steps + PackedLayout.Alignment, (uint)(stored >> 32));
            steps += 2 * PackedLayout.Alignment;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Int4Row(float* weights, byte* block, int row)
    {
        ushort* scales = (ushort*)block + row;
        byte* lines = block + PackedLayout.Int4BlockColumns / PackedLayout.Int4GroupColumns * PackedLayout.PanelRows * sizeof(ushort)
            + row * PackedLayout.StepColumns;
        for (int k = 0; k < PackedLayout.Int4BlockColumns; k += PackedLayout.Int4GroupColumns, scales += PackedLayout.PanelRows)
        {
            float extreme = Extreme(weights + k, PackedLayout.Int4GroupColumns);
            if (!float.IsFinite(extreme))
            {
                return false;
            }

            float scale = Math.Abs(extreme) < GroupRounding.Smallest ? 0 : BestScale(weights + k, extreme);
            *scales = (ushort)(BitConverter.SingleToUInt32Bits(scale) >> 16);
            float inverse = scale == 0 ? 0 : 1 / scale;
            for (int i = 0; i < PackedLayout.Int4GroupColumns; i += 8, lines += PackedLayout.Alignment)
            {
                ulong stored = Stored(Clamp(GroupRounding.Round(weights + k + i, inverse)), PackedLayout.Int4Bias);
                Unsafe.WriteUnaligned(lines, (uint)(stored | (stored >> 28)));
            }
        }

        return true;
    }

    private static float BestScale(float* weights, float extreme)
    {
        float best = 0;
        float leastError = float.PositiveInfinity;
        foreach (float divisor in Divisors)
        {
            float scale = RoundToBFloat16(extreme / -divisor);
            float inverse = 1 / scale;
            var errors = Vector256<float>.Zero;
            for (int i = 0; i < PackedLayout.Int4GroupColumns; i += 8)
            {
                var decoded = Vector256.ConvertToSingle(Clamp(GroupRounding.Round(weights + i, inverse))) * scale;
                var error = Vector256.Load(weights + i) - decoded;
                errors += error * error;
            }

            float sum = ((errors[0] + errors[4]) + (errors[2] + errors[6])) + ((errors[1] + errors[5]) + (errors[3] + errors[7]));
            if (best == 0 || sum < leastError)
            {
                best = scale;
                leastError = sum;
            }
        }

        return best;
    }

    /// <summary>The weight of the largest magnitude, the first of equals; NaN if one is NaN.</summary>
    private static float Extreme(float* weights, int count)
    {
        float max = GroupRounding.LargestMagnitude(weights, count);
        for (int k = 0; k < count; k++)
        {
            if (Math.Abs(weights[k]) == max)
            {
                return weights[k];
            }
        }

        return max;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Clamp(Vector256<int> value)
        => Vector256.Max(Vector256.Min(value, Vector256.Create(7)), Vector256.Create(-8));

    /// <summary>Eight integers plus the bias as bytes.</summary>
    private static ulong Stored(Vector256<int> value, int bias)
    {
        Vector256<int> biased = value + Vector256.Create(bias);
        Vector128<ushort> words = Vector128.Narrow(biased.GetLower().AsUInt32(), biased.GetUpper().AsUInt32());
        return Vector128.Narrow(words, words).AsUInt64().ToScalar();
    }

    /// <summary>To nearest, ties to even; finite values that do not overflow.</summary>
    private static float RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
