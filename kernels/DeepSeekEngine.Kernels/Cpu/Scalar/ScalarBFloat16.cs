using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins of the products with bfloat16 activations: the same bits, one operation at a time.</summary>
internal static unsafe class ScalarBFloat16
{
    private const float SmallestNormal = 1.17549435e-38f;
    private const int Lanes = 16;
    private const int Chunk = BFloat16Layout.ChunkColumns;

    /// <summary>The emitted functions' twins.</summary>
    public static BFloat16Kernels Kernels { get; } = new()
    {
        BF16 = new() { Tile = &Tile, Vector = &Vector16, Decode = &Decode16, Round = &Round16 },
        F8E4M3 = new() { Tile = &Tile, Vector = &Vector8, Decode = &Decode8, Round = &Round8 },
        Attention = new() { Round = &Round16, Scores = &Scores, Values = &Values },
    };

    /// <summary>To the nearest, ties to even; NaN stays NaN, what is subnormal becomes zero.</summary>
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(Flush(value));
        return (ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The value <see cref="Round(float)"/> leaves.</summary>
    public static float Rounded(float value) => Widen(Round(value));

    /// <summary>a * b + c rounded once; subnormal operands and results are zero.</summary>
    public static float MultiplyAdd(ushort a, ushort b, float c)
        => Flush(MathF.FusedMultiplyAdd(Flush(Widen(a)), Flush(Widen(b)), Flush(c)));

    /// <summary>y[t, j] = start + sum_k round(scale[j, k] x[t, k]) W[j, k], in the order of <see cref="BFloat16Layout"/>.</summary>
    public static float[] Linear(ReadOnlySpan<float> x, in WeightMatrix weight, float start = 0)
    {
        int count = x.Length / weight.Columns;
        var y = new float[count * weight.Rows];
        int chunks = (weight.Columns + Chunk - 1) / Chunk;
        var weights = new ushort[chunks * Chunk];
        var rounded = new ushort[chunks * Chunk];
        bool eightBits = weight.Encoding == WeightEncoding.F8E4M3;
        for (int i = 0; i < y.Length; i++)
        {
            int row = i % weight.Rows;
            ReadOnlySpan<float> token = x.Slice(i / weight.Rows * weight.Columns, weight.Columns);
            for (int k = 0; k < weight.Columns; k++)
            {
                int place = eightBits ? Place(k) : k;
                long index = (long)row * weight.Columns + k;
                weights[place] = eightBits
                    ? Round((float)ScalarWeights.DecodeE4M3(weight.Data[index]))
                    : ((ushort*)weight.Data)[index];
                float scale = eightBits
                    ? weight.Scales[(long)(row / weight.BlockRows) * weight.ScaleColumns + k / weight.BlockColumns]
                    : 1;
                rounded[place] = Round(token[k] * scale);
            }

            fixed (ushort* w = weights, r = rounded)
            {
                y[i] = Add(start, w, r, chunks);
            }
        }

        return y;
    }

    /// <summary>start + p_0 + p_1 + ..., the segments' products.</summary>
    private static float Add(float start, ushort* weights, ushort* x, int chunks)
    {
        for (int first = 0; first < chunks; first += BFloat16Layout.SegmentChunks)
        {
            int some = Math.Min(BFloat16Layout.SegmentChunks, chunks - first);
            start += Segment(weights + first * Chunk, x + first * Chunk, some);
        }

        return start;
    }

    private static float Segment(ushort* weights, ushort* x, int chunks)
    {
        float* a = stackalloc float[Lanes];
        new Span<float>(a, Lanes).Clear();
        for (int k = 0; k < chunks * Chunk; k += 2)
        {
            int lane = k / 2 % Lanes;
            a[lane] = MultiplyAdd(weights[k], x[k], MultiplyAdd(weights[k + 1], x[k + 1], a[lane]));
        }

        float* quarters = stackalloc float[4];
        for (int i = 0; i < 4; i++, a += 4)
        {
            quarters[i] = (a[0] + a[2]) + (a[1] + a[3]);
        }

        return (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
    }

    [UnmanagedCallersOnly]
    private static void Tile(BFloat16TileArguments* tile)
    {
        for (int t = 0; t < tile->Tokens; t++)
        {
            for (int r = 0; r < tile->Rows; r++)
            {
                var sums = (float*)((byte*)tile->Sums + t * tile->SumBytes);
                sums[r] += Segment(tile->Weights + r * BFloat16Layout.RowStride, tile->X + t * BFloat16Layout.RowStride, tile->Chunks);
            }
        }
    }

    [UnmanagedCallersOnly]
    private static void Scores(BFloat16ScoresArguments* arguments)
    {
        const int queries = BFloat16AttentionBlock.Queries;
        for (int j = 0; j < BFloat16AttentionBlock.TileKeys; j++)
        {
            var key = (uint*)((byte*)arguments->Keys + j * arguments->KeyBytes);
            for (int i = 0; i < queries; i++)
            {
                float sum = 0;
                for (int p = 0; p < arguments->Steps * BFloat16AttentionBlock.StepPairs; p++)
                {
                    sum = MultiplyAddPair(arguments->Queries[p * queries + i], key[p], sum);
                }

                arguments->Scores[j * queries + i] = sum;
            }
        }
    }

    [UnmanagedCallersOnly]
    private static void Values(BFloat16ValuesArguments* arguments)
    {
        const int columns = BFloat16AttentionBlock.TileColumns;
        for (int i = 0; i < arguments->Queries; i++)
        {
            var y = (float*)((byte*)arguments->Y + i * arguments->YBytes);
            for (int c = 0; c < arguments->Columns; c++)
            {
                var values = (uint*)((byte*)arguments->Values + c / columns * arguments->ValueBytes) + c % columns;
                float sum = y[c] * arguments->Decay[i];
                for (int p = 0; p < arguments->Pairs; p++)
                {
                    sum = MultiplyAddPair(arguments->Weights[p * BFloat16AttentionBlock.Queries + i], values[p * columns], sum);
                }

                y[c] = sum;
            }
        }
    }

    /// <summary>The upper halves are multiplied first.</summary>
    private static float MultiplyAddPair(uint a, uint b, float c)
        => MultiplyAdd((ushort)a, (ushort)b, MultiplyAdd((ushort)(a >> 16), (ushort)(b >> 16), c));

    [UnmanagedCallersOnly]
    private static void Vector16(BFloat16VectorArguments* arguments) => Vector(arguments, eightBits: false);

    [UnmanagedCallersOnly]
    private static void Vector8(BFloat16VectorArguments* arguments) => Vector(arguments, eightBits: true);

    [UnmanagedCallersOnly]
    private static void Decode16(BFloat16DecodeArguments* arguments) => Decode(arguments, eightBits: false);

    [UnmanagedCallersOnly]
    private static void Decode8(BFloat16DecodeArguments* arguments) => Decode(arguments, eightBits: true);

    [UnmanagedCallersOnly]
    private static void Round16(BFloat16RoundArguments* arguments) => Round(arguments, eightBits: false);

    [UnmanagedCallersOnly]
    private static void Round8(BFloat16RoundArguments* arguments) => Round(arguments, eightBits: true);

    private static void Vector(BFloat16VectorArguments* arguments, bool eightBits)
    {
        ushort[] row = new ushort[arguments->Columns.Chunks * Chunk];
        fixed (ushort* decoded = row)
        {
            for (int r = 0; r < arguments->Rows; r++)
            {
                Decode(arguments->Weights + r * arguments->RowBytes, arguments->Columns, decoded, eightBits);
                for (int t = 0; t < arguments->Tokens; t++)
                {
                    var x = (ushort*)((byte*)arguments->X + t * arguments->XBytes);
                    arguments->Y[t][r] = Add(arguments->Y[t][r], decoded, x, arguments->Columns.Chunks);
                }
            }
        }
    }

    private static void Decode(BFloat16DecodeArguments* arguments, bool eightBits)
    {
        for (int r = 0; r < arguments->Rows; r++)
        {
            Decode(
                arguments->Weights + r * arguments->RowBytes, arguments->Columns, arguments->Destination + r * BFloat16Layout.RowStride,
                eightBits);
        }
    }

    private static void Decode(byte* stored, in ColumnChunks columns, ushort* destination, bool eightBits)
    {
        for (int k = 0; k < columns.Chunks * Chunk; k++)
        {
            ushort value = !Exists(columns, k) ? (ushort)0
                : eightBits ? Round((float)ScalarWeights.DecodeE4M3(stored[k]))
                : Unsafe.ReadUnaligned<ushort>(stored + 2 * k);
            destination[eightBits ? Place(k) : k] = value;
        }
    }

    private static void Round(BFloat16RoundArguments* arguments, bool eightBits)
    {
        for (int k = 0; k < arguments->Columns.Chunks * Chunk; k++)
        {
            float value = Exists(arguments->Columns, k) ? arguments->X[k] * arguments->Scales[k / Chunk] : 0;
            arguments->Y[eightBits ? Place(k) : k] = Round(value);
        }
    }

    private static bool Exists(in ColumnChunks columns, int k)
        => columns.Partial == 0 || k / Chunk + 1 < columns.Chunks || ((columns.Mask >> (k % Chunk)) & 1) != 0;

    /// <summary>Where a column of E4M3 lies: eights of columns, the even ones before the odd ones of a chunk.</summary>
    private static int Place(int k) => k / Chunk * Chunk + k / 8 % 2 * 32 + k % Chunk / 16 * 8 + k % 8;

    private static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    private static float Flush(float value) => MathF.Abs(value) < SmallestNormal ? MathF.CopySign(0, value) : value;
}
