namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// How bfloat16 operands lie for the emitted products. Columns go in chunks of 64, the last filled up with zeros; 32 chunks are a segment.
/// <code>
/// W[row] . x = s0 + p_0 + p_1 + ...   p_i: segments, in order
/// p = Sum(a)       a[lane] = fma(w[2 l], x[2 l], fma(w[2 l + 1], x[2 l + 1], a[lane]))   for the registers of 32 elements, in order, from 0
/// Sum              of the 16 lanes: lanes 2 apart, then 1, then 8, then 4
/// </code>
/// In a, as vdpbf16ps has it, subnormal operands and results are zero. A chunk of E4M3 decodes to two registers: of every 16 columns the
/// first 8, then the last 8 of each; its activations lie in the same order.
/// </summary>
internal static class BFloat16Layout
{
    public const int ChunkColumns = 64;
    public const int ChunkBytes = ChunkColumns * sizeof(ushort);

    /// <summary>Chunks of a segment: 6 tokens of one fit a first-level cache, and its sum across lanes is a small part of the work.</summary>
    public const int SegmentChunks = 32;

    public const int SegmentColumns = SegmentChunks * ChunkColumns;

    /// <summary>Bytes from one row of a segment to the next: whole cache lines, but not a distance at which lines evict each other.</summary>
    public const int RowBytes = (SegmentColumns * sizeof(ushort)) + 64;

    public const int RowStride = RowBytes / sizeof(ushort);

    /// <summary>Tokens that rows are multiplied with as they come from memory.</summary>
    public const int VectorTokens = 8;

    public const int TileRows = 4;
    public const int TileTokens = 6;
}
