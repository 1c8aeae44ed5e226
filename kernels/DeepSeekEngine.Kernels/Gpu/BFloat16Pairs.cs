using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Pairs of bfloat16, the first in the low half, out of bytes: exactly, and two at a time, as decoding for tensor cores has to be.</summary>
internal static class BFloat16Pairs
{
    private const uint One = 0x3f803f80u;

    /// <summary>The two low bytes of a word, each to a half.</summary>
    public static uint Spread(uint word) => (word & 0xffu) | ((word & 0xff00u) << 8);

    /// <summary>
    /// E4M3: its exponent and fraction are put where bfloat16 has them, subnormals included, and the difference of the biases made up for by
    /// 2^120. Codes that are not a number are set to one.
    /// </summary>
    public static uint FromE4M3(uint codes)
    {
        uint magnitudes = codes & 0x007f007fu;
        uint notNumbers = (magnitudes + 0x00010001u) & 0x00800080u;
        uint shifted = ((codes & 0x00800080u) << 8) | (magnitudes << 4);
        return TensorCores.MultiplyAddPairs(shifted, 0x7b807b80u, 0x80008000u) | (notNumbers * 0xffu) | (notNumbers >> 1);
    }

    /// <summary>Numbers stored as n + 128: 128 and their seven low bits, less 128 or, if the highest bit is not set, 256.</summary>
    public static uint FromInt8(uint stored)
        => TensorCores.MultiplyAddPairs((stored & 0x007f007fu) | 0x43004300u, One, (stored & 0x00800080u) ^ 0xc380c380u);

    /// <summary>Numbers stored as n + 8 in the four low bits: 128 and those, less 136.</summary>
    public static uint FromInt4(uint stored)
        => TensorCores.MultiplyAddPairs((stored & 0x000f000fu) | 0x43004300u, One, 0xc308c308u);

    /// <summary>Values rounded to bfloat16, to the nearest, ties to even.</summary>
    public static uint Round(float low, float high) => (Round(low) >> 16) | (Round(high) & 0xffff0000u);

    /// <summary>The rounded value's bits in the upper half; a NaN stays one.</summary>
    private static uint Round(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
        return (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded;
    }
}
