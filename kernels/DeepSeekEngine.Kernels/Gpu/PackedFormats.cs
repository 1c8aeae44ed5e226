using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>A word is a row's four columns of a step.</summary>
internal readonly struct Int8 : ITensorCoreFormat
{
    public static int WordShift => 2;

    public static int ChunkShift => 2;

    public static bool Scaled => true;

    public static bool Packed => true;

    public static int BlockShift => 7;

    public static int BlockQuads => PackedLayout.Int8BlockBytes >> 4;

    public static int StoredShift => 2;

    public static bool Decoded => true;

    public static int ScaleShift => 6;

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

    /// <summary>Four rows have 16 words for their 64 columns, each of them four.</summary>
    public static void Decode(Quad stored, int index, ArrayView<Quad> tile, int row)
    {
        row += (index & 3) << 2;
        int word = index >> 3;
        int half = (index >> 2) & 1;
        ArrayView<Pair> halves = tile.Cast<Pair>();
        halves[(MmaTile.At(row, word) << 1) + half] = Four(stored.X);
        halves[(MmaTile.At(row + 1, word) << 1) + half] = Four(stored.Y);
        halves[(MmaTile.At(row + 2, word) << 1) + half] = Four(stored.Z);
        halves[(MmaTile.At(row + 3, word) << 1) + half] = Four(stored.W);
    }

    private static Pair Four(uint word) => new()
    {
        X = BFloat16Pairs.FromInt8(BFloat16Pairs.Spread(word)),
        Y = BFloat16Pairs.FromInt8(BFloat16Pairs.Spread(word >> 16)),
    };
}

/// <summary>A word is a row's eight columns of a line, the first four in the low nibbles.</summary>
internal readonly struct Int4 : ITensorCoreFormat
{
    public static int WordShift => 3;

    public static int ChunkShift => 3;

    public static bool Scaled => true;

    public static bool Packed => true;

    public static int BlockShift => 6;

    public static int BlockQuads => PackedLayout.Int4BlockBytes >> 4;

    public static int StoredShift => 1;

    public static bool Decoded => true;

    public static int ScaleShift => 5;

    public static float Decode(uint word, int lane)
        => Interop.IntAsFloat(((word >> (((lane & 3) << 3) + (lane & 4))) & 15u) | (150u << 23)) - ((1 << 23) + PackedLayout.Int4Bias);

    public static Float4 Decode(Quad loaded, int part) => new()
    {
        X = Decode(loaded.X, part << 2),
        Y = Decode(loaded.X, (part << 2) + 1),
        Z = Decode(loaded.X, (part << 2) + 2),
        W = Decode(loaded.X, (part << 2) + 3),
    };

    /// <summary>Four rows have 8 words for their 64 columns, each of them eight.</summary>
    public static void Decode(Quad stored, int index, ArrayView<Quad> tile, int row)
    {
        row += (index & 3) << 2;
        int word = index >> 2;
        tile[MmaTile.At(row, word)] = Eight(stored.X);
        tile[MmaTile.At(row + 1, word)] = Eight(stored.Y);
        tile[MmaTile.At(row + 2, word)] = Eight(stored.Z);
        tile[MmaTile.At(row + 3, word)] = Eight(stored.W);
    }

    private static Quad Eight(uint word) => new()
    {
        X = BFloat16Pairs.FromInt4(BFloat16Pairs.Spread(word)),
        Y = BFloat16Pairs.FromInt4(BFloat16Pairs.Spread(word >> 16)),
        Z = BFloat16Pairs.FromInt4(BFloat16Pairs.Spread(word) >> 4),
        W = BFloat16Pairs.FromInt4(BFloat16Pairs.Spread(word >> 16) >> 4),
    };
}
