using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins of the products with bfloat16 activations: the same bits, one operation at a time.</summary>
internal static unsafe class ScalarBFloat16
{
    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>To the nearest, ties to even; NaN stays NaN.</summary>
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>a * b + c rounded once; subnormal operands and results are zero.</summary>
    public static float MultiplyAdd(ushort a, ushort b, float c)
        => Flush(MathF.FusedMultiplyAdd(Flush(Widen(a)), Flush(Widen(b)), Flush(c)));

    /// <summary>What the emitted kernel does with a tile.</summary>
    [UnmanagedCallersOnly]
    public static void Tile(BFloat16Tile* tile)
    {
        for (int t = 0; t < tile->Tokens; t++)
        {
            for (int row = 0; row < PackedLayout.PanelRows; row++)
            {
                float* y = tile->Y + t * tile->YStride + row;
                ushort* weights = tile->Weights + 2 * row;
                ushort* x = tile->X + t * tile->XStride;
                for (int block = 0; block < tile->Blocks; block++)
                {
                    float sum = 0;
                    for (int pair = 0; pair < tile->Pairs; pair++, x += 2, weights += 2 * PackedLayout.PanelRows)
                    {
                        sum = MultiplyAdd(weights[0], x[0], MultiplyAdd(weights[1], x[1], sum));
                    }

                    *y = MathF.FusedMultiplyAdd(sum, tile->Scales[block * PackedLayout.PanelRows + row], *y);
                }
            }
        }
    }

    /// <summary>
    /// y[t, j] = sum_k round(x[t, k]) W[j, k]: every scale block, or without scales every 1024 columns, a chain of its own that is
    /// scaled and added to the sum of those before it.
    /// </summary>
    public static float[] Linear(ReadOnlySpan<float> x, in WeightMatrix weight)
    {
        int count = x.Length / weight.Columns;
        var y = new float[count * weight.Rows];
        int block = weight.Encoding == WeightEncoding.BF16 ? BFloat16Rows.Panel : weight.BlockColumns;
        for (int i = 0; i < y.Length; i++)
        {
            int row = i % weight.Rows;
            ReadOnlySpan<float> token = x.Slice(i / weight.Rows * weight.Columns, weight.Columns);
            for (int first = 0; first < weight.Columns; first += block)
            {
                float sum = 0;
                for (int k = first; k < Math.Min(first + block, weight.Columns); k += 2)
                {
                    if (k + 1 < weight.Columns)
                    {
                        sum = MultiplyAdd(Stored(weight, row, k + 1), Round(token[k + 1]), sum);
                    }

                    sum = MultiplyAdd(Stored(weight, row, k), Round(token[k]), sum);
                }

                float scale = weight.Encoding == WeightEncoding.BF16
                    ? 1
                    : weight.Scales[(long)(row / weight.BlockRows) * weight.ScaleColumns + first / block];
                y[i] = MathF.FusedMultiplyAdd(sum, scale, y[i]);
            }
        }

        return y;
    }

    private static ushort Stored(in WeightMatrix weight, int row, int column)
    {
        long index = (long)row * weight.Columns + column;
        return weight.Encoding == WeightEncoding.BF16
            ? ((ushort*)weight.Data)[index]
            : Round((float)ScalarWeights.DecodeE4M3(weight.Data[index]));
    }

    private static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    private static float Flush(float value) => MathF.Abs(value) < SmallestNormal ? MathF.CopySign(0, value) : value;
}
