using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// 16 rows of bfloat16 weights times the bfloat16 activations of some tokens: what the emitted kernel is called with. Strides are in
/// elements, from one token to the next.
/// <code>
/// Y[t, r] = fma(dot_b, Scales[b, r], Y[t, r])     for the blocks b of columns, ascending
/// dot_b   = fma(w[2p], x[2p], fma(w[2p + 1], x[2p + 1], dot_b))     for the pairs p of b's columns, ascending, from 0
/// </code>
/// In dot_b, as vdpbf16ps has it, subnormal operands and results are zero.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16Tile
{
    /// <summary>The pair of columns lies side by side: [Blocks, Pairs, 16, 2].</summary>
    public ushort* Weights;

    /// <summary>[Blocks, 16].</summary>
    public float* Scales;

    public int Blocks;

    /// <summary>Pairs of columns in a block: a multiple of <see cref="PairStep"/>.</summary>
    public int Pairs;

    /// <summary>At least 1.</summary>
    public int Tokens;

    /// <summary>[Tokens, Blocks * Pairs * 2].</summary>
    public ushort* X;

    public nint XStride;

    /// <summary>[Tokens, 16], added to.</summary>
    public float* Y;

    public nint YStride;

    public const int PairStep = 4;
}
