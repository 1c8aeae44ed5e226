using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// scores[j, i] = sum_p fma(key[j, 2 p], query[i, 2 p], fma(key[j, 2 p + 1], query[i, 2 p + 1], sum)), as vdpbf16ps has it (subnormal
/// operands and results are zero), for a tile of keys and a register of queries.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16ScoresArguments
{
    /// <summary>[columns / 2, 16] pairs of columns.</summary>
    public uint* Queries;

    /// <summary>[16, columns].</summary>
    public ushort* Keys;

    public nint KeyBytes;

    /// <summary>Columns by the eight, at least 1.</summary>
    public int Steps;

    /// <summary>[16, 16], a key's scores side by side.</summary>
    public float* Scores;

    /// <summary>What will be needed next, which is asked of memory meanwhile: four lines a step.</summary>
    public byte* Ahead;

    /// <summary>Bytes from the lines of a step to those of the next.</summary>
    public nint AheadStep;
}

/// <summary>
/// y[i] = decay[i] y[i] + sum_p fma(weight[2 p, i], value[2 p], fma(weight[2 p + 1, i], value[2 p + 1], sum)), as vdpbf16ps has it, for pairs
/// of positions in ascending order.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16ValuesArguments
{
    /// <summary>[Pairs, 16] pairs of positions.</summary>
    public uint* Weights;

    /// <summary>[Queries].</summary>
    public float* Decay;

    /// <summary>[columns / 32][Pairs, 32] pairs of positions, the last columns filled up.</summary>
    public uint* Values;

    /// <summary>Bytes from 32 columns to the next.</summary>
    public nint ValueBytes;

    /// <summary>At least 1.</summary>
    public int Pairs;

    /// <summary>From 1 to 16.</summary>
    public int Queries;

    /// <summary>At least 1.</summary>
    public int Columns;

    /// <summary>[Queries, Columns].</summary>
    public float* Y;

    public nint YBytes;
}
