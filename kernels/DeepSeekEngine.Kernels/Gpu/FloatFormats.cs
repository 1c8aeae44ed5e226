using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

internal readonly struct F32 : IWeightFormat
{
    public static int WordShift => 0;

    public static int ChunkShift => 2;

    public static bool Scaled => false;

    public static bool Packed => false;

    public static int BlockShift => 0;

    public static int BlockQuads => 0;

    public static float Decode(uint word, int lane) => Interop.IntAsFloat(word);

    public static Float4 Decode(Quad loaded, int part) => new()
    {
        X = Interop.IntAsFloat(loaded.X),
        Y = Interop.IntAsFloat(loaded.Y),
        Z = Interop.IntAsFloat(loaded.Z),
        W = Interop.IntAsFloat(loaded.W),
    };
}

internal readonly struct BF16 : ITensorCoreFormat
{
    public static int WordShift => 1;

    public static int ChunkShift => 3;

    public static bool Scaled => false;

    public static bool Packed => false;

    public static int BlockShift => 0;

    public static int BlockQuads => 0;

    public static int StoredShift => 3;

    public static bool Decoded => false;

    public static int ScaleShift => 0;

    public static float Decode(uint word, int lane) => Interop.IntAsFloat((word >> (lane << 4)) << 16);

    public static Float4 Decode(Quad loaded, int part)
    {
        uint low = part == 0 ? loaded.X : loaded.Z;
        uint high = part == 0 ? loaded.Y : loaded.W;
        return new()
        {
            X = Interop.IntAsFloat(low << 16),
            Y = Interop.IntAsFloat(low & 0xffff0000u),
            Z = Interop.IntAsFloat(high << 16),
            W = Interop.IntAsFloat(high & 0xffff0000u),
        };
    }

    public static void Decode(Quad stored, int index, ArrayView<Quad> tile, int row)
    {
        // It is multiplied as it is stored.
    }
}

internal readonly struct F16 : IWeightFormat
{
    public static int WordShift => 1;

    public static int ChunkShift => 3;

    public static bool Scaled => false;

    public static bool Packed => false;

    public static int BlockShift => 0;

    public static int BlockQuads => 0;

    public static float Decode(uint word, int lane)
    {
        uint half = (word >> (lane << 4)) & 0xffffu;
        uint magnitude = (half & 0x7fffu) << 13;
        uint sign = (half & 0x8000u) << 16;

        // Zero or subnormal: m * 2^-24 is 2^-14 (1 + m * 2^-10) - 2^-14.
        float subnormal = Interop.IntAsFloat(magnitude + (113u << 23)) - Interop.IntAsFloat(113u << 23);
        uint exponentBias = magnitude < 31u << 23 ? 112u << 23 : 224u << 23;
        uint bits = magnitude < 1u << 23 ? Interop.FloatAsInt(subnormal) : magnitude + exponentBias;
        return Interop.IntAsFloat(bits | sign);
    }

    public static Float4 Decode(Quad loaded, int part)
    {
        uint low = part == 0 ? loaded.X : loaded.Z;
        uint high = part == 0 ? loaded.Y : loaded.W;
        return new() { X = Decode(low, 0), Y = Decode(low, 1), Z = Decode(high, 0), W = Decode(high, 1) };
    }
}

internal readonly struct F8E4M3 : ITensorCoreFormat
{
    public static int WordShift => 2;

    public static int ChunkShift => 4;

    public static bool Scaled => true;

    public static bool Packed => false;

    public static int BlockShift => 0;

    public static int BlockQuads => 0;

    public static int StoredShift => 2;

    public static bool Decoded => true;

    public static int ScaleShift => 6;

    public static float Decode(uint word, int lane)
    {
        uint code = (word >> (lane << 3)) & 0xffu;
        uint magnitude = code & 0x7fu;
        uint sign = (code & 0x80u) << 24;

        // Zero or subnormal: m * 2^-9 is 2^-6 (1 + m / 8) - 2^-6.
        float subnormal = Interop.IntAsFloat((magnitude << 20) + (121u << 23)) - Interop.IntAsFloat(121u << 23);
        uint normal = magnitude == 0x7fu ? 0x7fc00000u : (magnitude << 20) + (120u << 23);
        return Interop.IntAsFloat((magnitude < 8u ? Interop.FloatAsInt(subnormal) : normal) | sign);
    }

    public static Float4 Decode(Quad loaded, int part)
    {
        uint word = part < 2 ? (part == 0 ? loaded.X : loaded.Y) : (part == 2 ? loaded.Z : loaded.W);
        return new() { X = Decode(word, 0), Y = Decode(word, 1), Z = Decode(word, 2), W = Decode(word, 3) };
    }

    /// <summary>A row has four words, of 16 columns each.</summary>
    public static void Decode(Quad stored, int index, ArrayView<Quad> tile, int row)
    {
        row += index >> 2;
        int word = (index & 3) << 1;
        tile[MmaTile.At(row, word)] = Eight(stored.X, stored.Y);
        tile[MmaTile.At(row, word + 1)] = Eight(stored.Z, stored.W);
    }

    private static Quad Eight(uint low, uint high) => new()
    {
        X = BFloat16Pairs.FromE4M3(BFloat16Pairs.Spread(low)),
        Y = BFloat16Pairs.FromE4M3(BFloat16Pairs.Spread(low >> 16)),
        Z = BFloat16Pairs.FromE4M3(BFloat16Pairs.Spread(high)),
        W = BFloat16Pairs.FromE4M3(BFloat16Pairs.Spread(high >> 16)),
    };
}
