using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Rows of activations as integers, filled up with zeros to groups of 128 columns:
/// <code>
/// x[k] = Scales[g] * Values[k]    g = k / 128, |Values[k]| &lt;= 127, Scales[g] = max |x of g| / 127
/// Biases                          what the stored bias of the weights adds too much to a sum of products, negated:
///                                 -128 sum(Values of 128 columns) for Int8, -8 sum(Values of 32 columns) for Int4
/// </code>
/// </summary>
internal readonly unsafe struct QuantizedRows
{
    public const int GroupColumns = 128;

    private const int Int4PerGroup = GroupColumns / PackedLayout.Int4GroupColumns;

    private readonly sbyte* values;
    private readonly float* scales;
    private readonly int* int8Biases;
    private readonly int* int4Biases;
    private readonly int groups;

    /// <param name="memory"><see cref="ByteLength"/> bytes, aligned to a cache line.</param>
    public QuantizedRows(byte* memory, int rows, int columns)
    {
        groups = Groups(columns);
        values = (sbyte*)memory;
        scales = (float*)(memory + (long)rows * groups * GroupColumns);
        int8Biases = (int*)(scales + (long)rows * groups);
        int4Biases = int8Biases + (long)rows * groups;
    }

    public static long ByteLength(long rows, int columns)
        => checked(rows * Groups(columns) * (GroupColumns + sizeof(float) + (1 + Int4PerGroup) * sizeof(int)));

    /// <summary>Points a tile's activations at a row and those <paramref name="step"/> rows apart that follow it.</summary>
    /// <param name="encoding">Of the weights.</param>
    public void Describe(int row, int step, WeightEncoding encoding, PackedTile* tile)
    {
        tile->X = values + (long)row * groups * GroupColumns;
        tile->XStride = (nint)step * groups * GroupColumns;
        tile->XScales = scales + (long)row * groups;
        tile->XScaleStride = (nint)step * groups;
        int biases = encoding == WeightEncoding.Int8 ? 1 : Int4PerGroup;
        tile->XBiases = (biases == 1 ? int8Biases : int4Biases) + (long)row * groups * biases;
        tile->XBiasStride = (nint)step * groups * biases;
    }

    /// <summary>Rounds a row to nearest, ties to even. A group that is not all finite is NaN.</summary>
    [SkipLocalsInit]
    public void Quantize(float* x, int columns, int row)
    {
        float* tail = stackalloc float[GroupColumns];
        for (int g = 0; g < groups; g++)
        {
            float* group = x + g * GroupColumns;
            int count = columns - g * GroupColumns;
            if (count < GroupColumns)
            {
                PartialLanes.Pad(group, count, tail, GroupColumns);
                group = tail;
            }

            long index = (long)row * groups + g;
            scales[index] = QuantizeGroup(group, values + index * GroupColumns, int8Biases + index, int4Biases + index * Int4PerGroup);
        }
    }

    private static int Groups(int columns) => (int)(((long)columns + GroupColumns - 1) / GroupColumns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float QuantizeGroup(float* x, sbyte* values, int* int8Bias, int* int4Biases)
    {
        float max = GroupRounding.LargestMagnitude(x, GroupColumns);
        float inverse = max >= GroupRounding.Smallest && float.IsFinite(max) ? 127 / max : 0;
        if (inverse == 0)
        {
            new Span<sbyte>(values, GroupColumns).Clear();
            new Span<int>(int4Biases, Int4PerGroup).Clear();
            *int8Bias = 0;
            return float.IsFinite(max) ? 0 : float.NaN;
        }

        int total = 0;
        for (int s = 0; s < Int4PerGroup; s++, x += PackedLayout.Int4GroupColumns, values += PackedLayout.Int4GroupColumns)
        {
            Vector256<int> a = GroupRounding.Round(x, inverse), b = GroupRounding.Round(x + 8, inverse);
            Vector256<int> c = GroupRounding.Round(x + 16, inverse), d = GroupRounding.Round(x + 24, inverse);
            Vector256.Narrow(Vector256.Narrow(a, b), Vector256.Narrow(c, d)).Store(values);
            int sum = Vector256.Sum(a + b + (c + d));
            int4Biases[s] = -PackedLayout.Int4Bias * sum;
            total += sum;
        }

        *int8Bias = -PackedLayout.Int8Bias * total;

        return max / 127;
    }
}

/// <summary>
/// Row i * Parts + p of Y = part p, of <see cref="Columns"/>, of X's row Numbers[i] / Divisor, of row i where there are no numbers.
/// A task is a row of Y.
/// </summary>
internal readonly unsafe struct QuantizeJob : IParallelJob
{
    public required Rows X { get; init; }

    public required int Columns { get; init; }

    public required QuantizedRows Y { get; init; }

    public required int Parts { get; init; }

    public int* Numbers { get; init; }

    public int Divisor { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int task = start; task < end; task++)
        {
            int i = task / Parts;
            float* x = X[Numbers == null ? i : Numbers[i] / Divisor] + (long)(task % Parts) * Columns;
            Y.Quantize(x, Columns, task);
        }
    }
}
