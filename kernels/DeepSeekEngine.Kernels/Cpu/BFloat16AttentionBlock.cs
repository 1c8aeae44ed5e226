using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Softmax attention of queries, 16 side by side, to a block of keys and values that are rounded to bfloat16, as are the queries and the
/// softmax's weights; sums are float32. What <see cref="QueryLanes"/> and <see cref="QueryValues"/> do in float32: here too a query's
/// arithmetic depends neither on its lane nor on what the other lanes hold.
/// </summary>
internal readonly unsafe struct BFloat16AttentionBlock
{
    /// <summary>Queries side by side.</summary>
    public const int Queries = 16;

    /// <summary>Keys that are multiplied together; <see cref="QueryLanes.Block"/> is a multiple of it.</summary>
    public const int TileKeys = 16;

    /// <summary>Columns of values that are multiplied together.</summary>
    public const int TileColumns = 32;

    /// <summary>Pairs of a key's columns that are multiplied without asking whether there are more.</summary>
    public const int StepPairs = 4;

    private const int Block = QueryLanes.Block;
    private const int LineBytes = 64;

    private readonly BFloat16AttentionFunctions functions;
    private readonly int keyWidth;
    private readonly int valueWidth;
    private readonly int keyBytes;
    private readonly ushort** tiles;
    private readonly nint* tileBytes;
    private readonly ushort* keys;
    private readonly ushort* rounded;
    private readonly uint* values;
    private readonly uint* weights;
    private readonly float* scores;
    private readonly float* ones;

    /// <param name="memory"><see cref="ByteLength"/> bytes.</param>
    public BFloat16AttentionBlock(in BFloat16AttentionFunctions functions, byte* memory, int keyWidth, int valueWidth)
    {
        this.functions = functions;
        this.keyWidth = keyWidth;
        this.valueWidth = valueWidth;
        keyBytes = RowBytes(keyWidth);
        scores = (float*)memory;
        weights = (uint*)(scores + Block * Queries);
        values = weights + Block / 2 * Queries;
        keys = (ushort*)(values + ValueTiles(valueWidth) * ValueTile);
        rounded = (ushort*)((byte*)keys + (long)Block * keyBytes);
        ones = (float*)((byte*)rounded + 2 * RowBytes(valueWidth));
        tiles = (ushort**)AlignToLine((byte*)(ones + Chunks(Math.Max(keyWidth, valueWidth))));
        tileBytes = (nint*)(tiles + Block / TileKeys);
        new Span<float>(ones, Chunks(Math.Max(keyWidth, valueWidth))).Fill(1);
        for (int tile = 0; tile < Block / TileKeys; tile++)
        {
            TakeOwnKeys(tile);
        }
    }

    /// <summary>Pairs of positions and 32 columns.</summary>
    private static int ValueTile => Block / 2 * TileColumns;

    /// <summary>Memory of a block.</summary>
    public static long ByteLength(int keyWidth, int valueWidth)
        => (Block * Queries + Block / 2 * Queries + (long)ValueTiles(valueWidth) * ValueTile + Chunks(Math.Max(keyWidth, valueWidth)))
         * sizeof(float) + (long)Block * RowBytes(keyWidth) + 2L * RowBytes(valueWidth)
         + LineBytes + Block / TileKeys * (sizeof(ushort*) + sizeof(nint));

    /// <summary>Pairs that 16 packed queries of a width are.</summary>
    public static int PackedLength(int width) => Chunks(width) * BFloat16Layout.ChunkColumns / 2 * Queries;

    /// <summary>Rounds up to 16 queries and brings them side by side.</summary>
    /// <param name="q">[count, keyWidth], rows stride apart.</param>
    /// <param name="packed">[pairs, 16]; queries from count on are zero.</param>
    public void PackQueries(float* q, long stride, int count, uint* packed)
    {
        // The keys' memory is free until there are keys.
        for (int i = 0; i < count; i++)
        {
            functions.RoundRow(q + i * stride, keyWidth, ones, OwnKey(i));
        }

        QueryLanes.Pack(
            (float*)keys, keyBytes / sizeof(float), count, PackedLength(keyWidth) / Queries, (float*)packed, Queries);
    }

    /// <summary>Rounds a key; after the last, <see cref="FillKeys"/> is due.</summary>
    public void RoundKey(int row, float* key) => functions.RoundRow(key, keyWidth, ones, OwnKey(row));

    /// <summary>Makes the keys after the first <paramref name="count"/> zero up to the end of their tile.</summary>
    public void FillKeys(int count)
    {
        int whole = (count + TileKeys - 1) / TileKeys * TileKeys;
        new Span<byte>(OwnKey(count), (whole - count) * keyBytes).Clear();
    }

    /// <summary>
    /// Takes keys and values from rows of a cache. A tile of keys that lie in one piece is read where it is.
    /// </summary>
    /// <param name="rows">Where each key lies.</param>
    /// <param name="rowBytes">Bytes from one row to the next within a block of the cache.</param>
    /// <param name="valueOffset">Elements from a key to its value.</param>
    public void TakeRows(ushort** rows, int count, nint rowBytes, int valueOffset)
    {
        // What is read beyond a key's end is otherwise another key, or nothing.
        bool padded = keyWidth % (2 * StepPairs) != 0;
        for (int j = 0; j < count; j += TileKeys)
        {
            int tile = j / TileKeys;
            if (!padded && j + TileKeys <= count && InOnePiece(rows + j, rowBytes))
            {
                TakeKeys(tile, rows[j], rowBytes);
                continue;
            }

            TakeOwnKeys(tile);
            int some = Math.Min(TileKeys, count - j);
            new Span<byte>(OwnKey(j), TileKeys * keyBytes).Clear();
            for (int i = j; i < j + some; i++)
            {
                new ReadOnlySpan<ushort>(rows[i], keyWidth).CopyTo(new Span<ushort>(OwnKey(i), keyWidth));
            }
        }

        for (int j = 0; j < count; j += 2)
        {
            PairValues(
                j / 2, Value(rows[j] + valueOffset, rounded), Value(j + 1 < count ? rows[j + 1] + valueOffset : null, SecondRounded));
        }
    }

    /// <summary>Rounds values of two positions; second may be null for none.</summary>
    public void RoundValues(int pair, float* first, float* second)
    {
        ushort* a = rounded, b = SecondRounded;
        functions.RoundRow(first, valueWidth, ones, a);
        if (second == null)
        {
            new Span<byte>(b, RowBytes(valueWidth)).Clear();
        }
        else
        {
            functions.RoundRow(second, valueWidth, ones, b);
        }

        PairValues(pair, a, b);
    }

    /// <summary>scores[j, i] of the first <paramref name="count"/> keys.</summary>
    /// <param name="next">
    /// Where the row lies that will follow each of these; they are asked of memory meanwhile. Null if there are none.
    /// </param>
    /// <param name="apart">0 if the rows of a tile that follow lie in one piece, else elements of each that are read.</param>
    public float* Scores(uint* packed, int count, ushort** next = null, int apart = 0)
    {
        for (int j = 0; j < count; j += TileKeys)
        {
            for (int i = j; apart > 0 && next != null && i < j + TileKeys; i++)
            {
                QueryLanes.Prefetch((float*)next[i], apart / 2);
            }

            var arguments = new BFloat16ScoresArguments
            {
                Queries = packed,
                Keys = Key(j),
                KeyBytes = tileBytes[j / TileKeys],
                Steps = (keyWidth + 2 * StepPairs - 1) / (2 * StepPairs),
                Scores = scores + j * Queries,
                Ahead = next == null || apart > 0 ? (byte*)packed : (byte*)next[j],
                AheadStep = next == null || apart > 0 ? 0 : StepPairs * LineBytes,
            };
            functions.Scores(&arguments);
        }

        return scores;
    }

    /// <summary>
    /// The softmax of <see cref="Scores"/> with a running maximum and sum (<see cref="QueryLanes.Softmax"/>), and
    /// y_i = decay_i y_i + sum_j weight_ji value_j.
    /// </summary>
    /// <param name="maximum">[16], as are sum and decay.</param>
    /// <param name="y">[queries, valueWidth], rows yStride apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddValues<TLanes>(
        int count, float scale, float* maximum, float* sum, float* decay, float* y, long yStride, int queries)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        QueryLanes.Softmax<TLanes>(scores, Queries / TLanes.Count, count, scale, maximum, sum, decay);
        for (int j = 0; j < count; j += 2)
        {
            Vector512<uint> first = RoundWeights(scores + j * Queries);
            Vector512<uint> second = j + 1 < count ? RoundWeights(scores + (j + 1) * Queries) : default;
            (first | second << 16).Store(weights + j / 2 * Queries);
        }

        var arguments = new BFloat16ValuesArguments
        {
            Weights = weights,
            Decay = decay,
            Values = values,
            ValueBytes = ValueTile * sizeof(uint),
            Pairs = (count + 1) / 2,
            Queries = queries,
            Columns = valueWidth,
            Y = y,
            YBytes = (nint)(yStride * sizeof(float)),
        };
        functions.Values(&arguments);
    }

    private static int Chunks(int width) => new ColumnChunks(width).Chunks;

    private static int ValueTiles(int width) => (width + TileColumns - 1) / TileColumns;

    // An odd number of lines, a distance at which rows do not evict each other.
    private static int RowBytes(int width) => Chunks(width) * BFloat16Layout.ChunkBytes + LineBytes;

    private static byte* AlignToLine(byte* address) => (byte*)(((nint)address + LineBytes - 1) & -LineBytes);

    private static bool InOnePiece(ushort** rows, nint rowBytes)
    {
        for (int i = 1; i < TileKeys; i++)
        {
            if ((byte*)rows[i] - (byte*)rows[0] != i * rowBytes)
            {
                return false;
            }
        }

        return true;
    }

    private ushort* SecondRounded => (ushort*)((byte*)rounded + RowBytes(valueWidth));

    /// <summary>A value as whole tiles of columns: where it lies if it is that, else a copy; zeros if it is null.</summary>
    private ushort* Value(ushort* value, ushort* copy)
    {
        if (value != null && valueWidth % TileColumns == 0)
        {
            return value;
        }

        new Span<byte>(copy, RowBytes(valueWidth)).Clear();
        if (value != null)
        {
            new ReadOnlySpan<ushort>(value, valueWidth).CopyTo(new Span<ushort>(copy, valueWidth));
        }

        return copy;
    }

    private ushort* Key(int row)
        => (ushort*)((byte*)tiles[row / TileKeys] + row % TileKeys * tileBytes[row / TileKeys]);

    private ushort* OwnKey(int row) => (ushort*)((byte*)keys + (long)row * keyBytes);

    private void TakeOwnKeys(int tile) => TakeKeys(tile, OwnKey(tile * TileKeys), keyBytes);

    private void TakeKeys(int tile, ushort* first, nint rowBytes)
    {
        tiles[tile] = first;
        tileBytes[tile] = rowBytes;
    }

    /// <summary>Columns of two positions, the first in the lower half of an element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PairValues(int pair, ushort* first, ushort* second)
    {
        uint* tile = values + pair * TileColumns;
        for (int column = 0; column < valueWidth; column += TileColumns, tile += ValueTile)
        {
            Vector512<ushort> a = Vector512.Load(first + column), b = Vector512.Load(second + column);
            (Vector512.WidenLower(a) | Vector512.WidenLower(b) << 16).Store(tile);
            (Vector512.WidenUpper(a) | Vector512.WidenUpper(b) << 16).Store(tile + TileColumns / 2);
        }
    }

    /// <summary>Weights, which are not negative, to the nearest bfloat16, ties to even.</summary>
    private static Vector512<uint> RoundWeights(float* weights)
    {
        Vector512<uint> bits = Vector512.Load((uint*)weights);
        return bits + Vector512.Create(0x7FFFu) + (bits >> 16 & Vector512.Create(1u)) >> 16;
    }
}
