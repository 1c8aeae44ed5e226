using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>y[t][r] += W[r] . x[t] for rows as they are stored and few tokens.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16VectorArguments
{
    /// <summary>[Rows, columns] elements of the stored encoding.</summary>
    public byte* Weights;

    public nint RowBytes;

    /// <summary>At least 1.</summary>
    public int Rows;

    public ColumnChunks Columns;

    /// <summary>From 1 to <see cref="BFloat16Layout.VectorTokens"/>.</summary>
    public int Tokens;

    /// <summary>[Tokens, Columns.Chunks, 64] in <see cref="BFloat16Layout"/>'s order.</summary>
    public ushort* X;

    /// <summary>Bytes from one token's activations to the next.</summary>
    public nint XBytes;

    /// <summary>[Tokens][Rows], added to.</summary>
    public float** Y;

    /// <summary>What will be needed next: as many bytes are asked of memory as are multiplied meanwhile.</summary>
    public byte* Ahead;
}

/// <summary>sums[t, r] += one segment of W[r] . x[t] for rows and tokens in <see cref="BFloat16Layout"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16TileArguments
{
    /// <summary>[Rows, chunks, 64], <see cref="BFloat16Layout.RowBytes"/> apart.</summary>
    public ushort* Weights;

    /// <summary>A multiple of <see cref="BFloat16Layout.TileRows"/>, at least that.</summary>
    public int Rows;

    /// <summary>From 1 to <see cref="BFloat16Layout.SegmentChunks"/>.</summary>
    public int Chunks;

    /// <summary>From 1 to <see cref="BFloat16Layout.TileTokens"/>.</summary>
    public int Tokens;

    /// <summary>[Tokens, chunks, 64], <see cref="BFloat16Layout.RowBytes"/> apart.</summary>
    public ushort* X;

    /// <summary>[Tokens, Rows], added to.</summary>
    public float* Sums;

    /// <summary>Bytes from one token's sums to the next.</summary>
    public nint SumBytes;

    /// <summary>What will be needed next, which is asked of memory meanwhile: two lines for every four rows and chunk of columns.</summary>
    public byte* Ahead;

    /// <summary>Bytes from two of those lines to the next two.</summary>
    public nint AheadStep;
}

/// <summary>Rows of at most a segment, decoded to bfloat16 or copied, and filled up with zeros.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16DecodeArguments
{
    /// <summary>[Rows, columns] elements of the stored encoding.</summary>
    public byte* Weights;

    public nint RowBytes;

    public int Rows;

    public ColumnChunks Columns;

    /// <summary>[Rows, chunks, 64], <see cref="BFloat16Layout.RowBytes"/> apart.</summary>
    public ushort* Destination;
}

/// <summary>Y = bfloat16(x * scale of its chunk), to the nearest, ties to even; a subnormal x * scale is zero.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BFloat16RoundArguments
{
    public float* X;

    public ColumnChunks Columns;

    /// <summary>[Columns.Chunks].</summary>
    public float* Scales;

    /// <summary>[Columns.Chunks, 64] in <see cref="BFloat16Layout"/>'s order.</summary>
    public ushort* Y;
}

/// <summary>Columns in chunks of 64.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct ColumnChunks(int columns)
{
    /// <summary>The last, partial one included.</summary>
    public readonly int Chunks = (columns + BFloat16Layout.ChunkColumns - 1) / BFloat16Layout.ChunkColumns;

    /// <summary>1 if the last is partial.</summary>
    public readonly int Partial = columns % BFloat16Layout.ChunkColumns == 0 ? 0 : 1;

    /// <summary>Which columns of a partial chunk there are, a bit each.</summary>
    public readonly ulong Mask = (1UL << (columns % BFloat16Layout.ChunkColumns)) - 1;
}
