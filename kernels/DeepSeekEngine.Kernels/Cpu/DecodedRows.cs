namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// A block of cache rows brought to what attention is computed in, float32 or, rounded, bfloat16: no more than a worker's own cache holds, and
/// read for all heads of a group, so that memory is asked for the bytes that are kept and no others.
/// </summary>
internal readonly unsafe struct DecodedRows
{
    private const int Block = QueryLanes.Block;

    private readonly int width;
    private readonly bool isBFloat16;
    private readonly float** rows;
    private readonly float* values;

    /// <param name="memory"><see cref="ByteLength"/> bytes.</param>
    /// <param name="width">Values of a row.</param>
    public DecodedRows(byte* memory, int width, bool isBFloat16)
    {
        this.width = width;
        this.isBFloat16 = isBFloat16;
        rows = (float**)memory;
        values = (float*)(rows + Block);
        for (int j = 0; j < Block; j++)
        {
            rows[j] = (float*)((byte*)(values + width) + j * RowBytes);
        }
    }

    /// <summary>Bytes from one row to the next.</summary>
    public nint RowBytes => width * (isBFloat16 ? sizeof(ushort) : sizeof(float));

    public static long ByteLength(int width) => Block * sizeof(float*) + (Block + 1L) * width * sizeof(float);

    /// <summary>Brings the parts of a block here.</summary>
    /// <param name="next">Parts of the block that will follow, which are asked of memory meanwhile; null if there is none.</param>
    /// <returns>Where the rows are; those from count on may be read for nothing.</returns>
    public float** Take<TLanes>(in CacheRows cache, float** parts, int count, float** next)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int j = 0; j < Block; j++)
        {
            if (next != null)
            {
                QueryLanes.Prefetch(next[j], cache.PartLength);
            }

            if (j >= count)
            {
                continue;
            }

            cache.Load<TLanes>(parts[j], isBFloat16 ? values : rows[j]);
            if (isBFloat16)
            {
                CacheRows.Round(values, width, (ushort*)rows[j]);
            }
        }

        return rows;
    }
}
