using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// One panel of a packed matrix times some tokens: what a micro-kernel, compiled or emitted at run time, is called with. All strides
/// are in elements, from one token to the next.
/// <code>
/// Y[t, r] = fma(float(isum_b), wScale[b, r] * xScale[t, b], ...)   folded over the groups b of columns, ascending, from 0; r &lt; 16
/// Int8    b = 128 columns: isum = sum(stored * x) + XBiases[t, b], which is -128 * sum(x)
/// Int4    b =  32 columns: isum = sum(stored * x) + XBiases[t, b], which is -8 * sum(x); xScale that of the 128 columns b lies in
/// </code>
/// isum is exact, so every micro-kernel gives the same bits.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PackedTile
{
    /// <summary>The panel, as <see cref="PackedLayout"/> says.</summary>
    public byte* Weights;

    /// <summary>Blocks of the panel; the activations are filled up with zeros to as many columns.</summary>
    public int Blocks;

    /// <summary>At least 1.</summary>
    public int Tokens;

    /// <summary>[Tokens, columns] integers from -127 to 127.</summary>
    public sbyte* X;

    public nint XStride;

    /// <summary>[Tokens, columns / 128].</summary>
    public float* XScales;

    public nint XScaleStride;

    /// <summary>[Tokens, groups of columns].</summary>
    public int* XBiases;

    public nint XBiasStride;

    /// <summary>[Tokens, 16], overwritten.</summary>
    public float* Y;

    public nint YStride;

    /// <summary>What will be needed next, which an emitted kernel with many tokens asks of memory meanwhile, some lines every block.</summary>
    public byte* Ahead;

    /// <summary>Bytes from those lines to the next.</summary>
    public nint AheadStep;

    /// <summary>Tokens of a group that is computed together, at most.</summary>
    public const int AheadTokens = 16;

    /// <summary>Lines that are asked of memory every block.</summary>
    public const int AheadLines = 16;
}
