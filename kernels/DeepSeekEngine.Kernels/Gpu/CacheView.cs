using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// The rows of a layer's cache, in the precision they are kept in: <see cref="CacheLayout"/> as kernels receive it.
/// </summary>
internal struct CacheView
{
    public required RowView Rows;

    /// <summary>A <see cref="CachePrecision"/>.</summary>
    public required int Precision;

    public required int RowHead;

    /// <summary>Values under the first scale of an int8 part.</summary>
    public required int FirstPiece;

    /// <summary>Floats an int8 part takes the place of.</summary>
    public required int PartLength;

    public static CacheView From(in CacheLayout layout, RowView rows) => new()
    {
        Rows = rows,
        Precision = (int)layout.Precision,
        RowHead = layout.Shape.RowHead,
        FirstPiece = layout.FirstPiece,
        PartLength = layout.PartLength,
    };

    /// <summary>Whether quads of all keys and values can be loaded whole, those of key and value each from their beginning on.</summary>
    public readonly bool IsAligned(in AttentionShape shape)
        => ((RowHead | FirstPiece | shape.Key) & 3) == 0
        && ((Rows.Offset | Rows.Stride) & (Precision == (int)CachePrecision.Float32 ? 3 : Precision == (int)CachePrecision.BFloat16 ? 1 : 0)) == 0;

    /// <summary>A value of a key-value head's part of the row at <paramref name="row"/>.</summary>
    public readonly float Value(long row, int head, int column)
        => Precision == (int)CachePrecision.Float32 ? Float32Cache.Value(this, row, head, column)
            : Precision == (int)CachePrecision.BFloat16 ? BFloat16Cache.Value(this, row, head, column)
            : Int8Cache.Value(this, row, head, column);
}

/// <summary>How a kernel that reads much of a cache reads it; what it branches on beforehand, not at every load.</summary>
internal interface ICacheFormat
{
    static abstract float Value(CacheView cache, long row, int head, int column);

    /// <summary>Four values of an aligned view from a multiple of four of key or value on.</summary>
    static abstract Float4 Quad(CacheView cache, long row, int head, int column);
}

internal readonly struct Float32Cache : ICacheFormat
{
    public static float Value(CacheView cache, long row, int head, int column)
        => cache.Rows.Data[row + (long)head * cache.RowHead + column];

    public static Float4 Quad(CacheView cache, long row, int head, int column)
        => cache.Rows.Data.Cast<Float4>()[(row + (long)head * cache.RowHead + column) >> 2];
}

internal readonly struct BFloat16Cache : ICacheFormat
{
    public static float Value(CacheView cache, long row, int head, int column)
    {
        long at = (long)head * cache.RowHead + column;
        uint word = Interop.FloatAsInt(cache.Rows.Data[row + (at >> 1)]);
        return BF16.Decode(word, (int)at & 1);
    }

    public static Float4 Quad(CacheView cache, long row, int head, int column)
    {
        Pair words = cache.Rows.Data.Cast<Pair>()[(row + (((long)head * cache.RowHead + column) >> 1)) >> 1];
        return new() { X = BF16.Decode(words.X, 0), Y = BF16.Decode(words.X, 1), Z = BF16.Decode(words.Y, 0), W = BF16.Decode(words.Y, 1) };
    }
}

internal readonly struct Int8Cache : ICacheFormat
{
    public static float Value(CacheView cache, long row, int head, int column)
    {
        long part = row + (long)head * cache.PartLength;
        return Decode(Word(cache, part, column), column & 3) * Scale(cache, part, column);
    }

    public static Float4 Quad(CacheView cache, long row, int head, int column)
    {
        long part = row + (long)head * cache.PartLength;
        uint word = Word(cache, part, column);
        float scale = Scale(cache, part, column);
        return new()
        {
            X = Decode(word, 0) * scale,
            Y = Decode(word, 1) * scale,
            Z = Decode(word, 2) * scale,
            W = Decode(word, 3) * scale,
        };
    }

    private static uint Word(CacheView cache, long part, int column)
        => Interop.FloatAsInt(cache.Rows.Data[part + CacheLayout.Scales + (column >> 2)]);

    private static float Scale(CacheView cache, long part, int column)
        => column < cache.FirstPiece ? cache.Rows.Data[part] : cache.Rows.Data[part + 1];

    /// <summary>A signed byte of a word.</summary>
    private static float Decode(uint word, int lane) => (int)((word >> (lane << 3)) << 24) >> 24;
}
