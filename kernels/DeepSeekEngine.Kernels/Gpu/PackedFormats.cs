using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>A word is a row's four columns of a step.</summary>
internal readonly struct Int8 : IWeightFormat
{
    public static int WordShift => 2;

    public static int ChunkShift => 2;

    public static bool Scaled => true;

    public static bool Packed => true;

    public static int BlockShift => 7;

    public static int BlockQuads => PackedLayout.Int8BlockBytes >> 4;

    // 2^23 + n is a float32 whose last bits are n.
    public static float Decode(uint word, int lane)
        => Interop.IntAsFloat(((word >> (lane << 3)) & 0xffu) | (150u << 23)) - ((1 << 23) + PackedLayout.Int8Bias);

    public static Float4 Decode(Quad loaded, int part) => new()
    {
        X = Decode(loaded.X, 0),
        Y = Decode(loaded.X, 1),
        Z = Decode(loaded.X, 2),
        W = Decode(loaded.X, 3),
    };
}

/// <summary>A word is a row's eight columns of a line, the first four in the low nibbles.</summary>
internal readonly struct Int4 : IWeightFormat
{
    public static int WordShift => 3;

    public static int ChunkShift => 3;

    public static bool Scaled => true;

    public static bool Packed => true;

    public static int BlockShift => 6;

    public static int BlockQuads => PackedLayout.Int4BlockBytes >> 4;

    public static float Decode(uint word, int lane)
        => Interop.IntAsFloat(((word >> (((lane & 3) << 3) + (lane & 4))) & 15u) | (150u << 23)) - ((1 << 23) + PackedLayout.Int4Bias);

    public static Float4 Decode(Quad loaded, int part) => new()
    {
        X = Decode(loaded.X, part << 2),
        Y = Decode(loaded.X, (part << 2) + 1),
        Z = Decode(loaded.X, (part << 2) + 2),
        W = Decode(loaded.X, (part << 2) + 3),
    };
}
