using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>How one <see cref="WeightEncoding"/> is decoded in registers, exactly and without subnormal float32 on the way.</summary>
internal interface IWeightFormat
{
    /// <summary>The binary logarithm of the elements in a 32-bit word.</summary>
    static abstract int WordShift { get; }

    /// <summary>Whether elements are multiplied by the scale of their block.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Element <paramref name="lane"/> of a little-endian word, unscaled.</summary>
    static abstract float Decode(uint word, int lane);
}

internal readonly struct F32 : IWeightFormat
{
    public static int WordShift => 0;

    public static bool Scaled => false;

    public static float Decode(uint word, int lane) => Interop.IntAsFloat(word);
}

internal readonly struct BF16 : IWeightFormat
{
    public static int WordShift => 1;

    public static bool Scaled => false;

    public static float Decode(uint word, int lane) => Interop.IntAsFloat((word >> (lane << 4)) << 16);
}

internal readonly struct F16 : IWeightFormat
{
    public static int WordShift => 1;

    public static bool Scaled => false;

    public static float Decode(uint word, int lane)
    {
        uint half = (word >> (lane << 4)) & 0xffffu;
        uint magnitude = (half & 0x7fffu) << 13;
        uint sign = (half & 0x8000u) << 16;
        if (magnitude < 1u << 23)
        {
            // Zero or subnormal: m * 2^-24 is 2^-14 (1 + m * 2^-10) - 2^-14.
            float subnormal = Interop.IntAsFloat(magnitude + (113u << 23)) - Interop.IntAsFloat(113u << 23);
            return Interop.IntAsFloat(Interop.FloatAsInt(subnormal) | sign);
        }

        uint exponentBias = magnitude < 31u << 23 ? 112u << 23 : 224u << 23;
        return Interop.IntAsFloat((magnitude + exponentBias) | sign);
    }
}

internal readonly struct F8E4M3 : IWeightFormat
{
    public static int WordShift => 2;

    public static bool Scaled => true;

    public static float Decode(uint word, int lane)
    {
        uint code = (word >> (lane << 3)) & 0xffu;
        uint magnitude = code & 0x7fu;
        uint sign = (code & 0x80u) << 24;
        if (magnitude < 8u)
        {
            // Zero or subnormal: m * 2^-9 is 2^-6 (1 + m / 8) - 2^-6.
            float subnormal = Interop.IntAsFloat((magnitude << 20) + (121u << 23)) - Interop.IntAsFloat(121u << 23);
            return Interop.IntAsFloat(Interop.FloatAsInt(subnormal) | sign);
        }

        uint bits = magnitude == 0x7fu ? 0x7fc00000u : (magnitude << 20) + (120u << 23);
        return Interop.IntAsFloat(bits | sign);
    }
}
