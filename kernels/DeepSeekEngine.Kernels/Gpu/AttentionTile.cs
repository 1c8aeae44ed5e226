using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>How many queries a group works on and how many positions it holds at once, as powers of two of at least four.</summary>
internal interface IAttentionTile
{
    static abstract int RowShift { get; }

    static abstract int PositionShift { get; }
}

/// <summary>Sixteen heads of one token on eight rows of the cache.</summary>
internal readonly struct CachedTile : IAttentionTile
{
    public static int RowShift => 4;

    public static int PositionShift => 3;
}

/// <summary>Thirty-two tokens on one head's keys of sixteen positions.</summary>
internal readonly struct ExpandedTile : IAttentionTile
{
    public static int RowShift => 5;

    public static int PositionShift => 4;
}

/// <summary>The queries of a tile: row i is the Width values from First + i * Stride; rows from Rows on repeat the last.</summary>
internal struct TileQueries
{
    public required ArrayView<float> Data;
    public required long First;
    public required long Stride;
    public required int Rows;
    public required int Width;
    public required int Aligned;

    public readonly long Row(int row) => First + (row < Rows ? row : Rows - 1) * Stride;

    public readonly Float4 Load(long row, int quad) => Quads.Load(Data, row + (quad << 2), Width - (quad << 2), Aligned);
}

/// <summary>
/// Softmax attention of several queries on positions that stand in shared memory, a tile of positions at a time, so that what one group
/// has read serves all its queries (Dao et al. 2022, arXiv:2205.14135; the running softmax is that of Milakov and Gimelshein 2018,
/// arXiv:1805.02867). A score is summed by several threads, each of which takes blocks of 4 x 4 scores on a share of the columns.
/// What becomes of a query depends neither on the others nor on its place among them.
/// </summary>
internal struct AttentionTile
{
    /// <summary>[queries, positions / 4, slices + 1] of four scores, the last slice unused so that banks differ.</summary>
    public required ArrayView<Float4> Partial;

    /// <summary>[queries, positions].</summary>
    public required ArrayView<float> Scores;

    /// <summary>[positions, queries / 4]: exp(score - maximum) of four queries.</summary>
    public required ArrayView<Float4> Weights;

    /// <summary>[queries]: the largest score so far.</summary>
    public required ArrayView<float> Maxima;

    /// <summary>[queries]: the sum of exp(score - maximum) so far.</summary>
    public required ArrayView<float> Sums;

    /// <summary>[queries / 4]: what the values so far are to be multiplied with.</summary>
    public required ArrayView<Float4> Corrections;

    /// <summary>[queries]: positions a query sees, counted from the first of the first tile.</summary>
    public required ArrayView<int> Seen;

    public static AttentionTile Allocate<TTile, TPlatform>()
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
        => new()
        {
            Partial = SharedMemory.Allocate<Float4>(((1 << SliceShift<TTile, TPlatform>()) + 1) << (TTile.RowShift + TTile.PositionShift - 2)),
            Scores = SharedMemory.Allocate<float>(1 << (TTile.RowShift + TTile.PositionShift)),
            Weights = SharedMemory.Allocate<Float4>(1 << (TTile.RowShift + TTile.PositionShift - 2)),
            Maxima = SharedMemory.Allocate<float>(1 << TTile.RowShift),
            Sums = SharedMemory.Allocate<float>(1 << TTile.RowShift),
            Corrections = SharedMemory.Allocate<Float4>(1 << (TTile.RowShift - 2)),
            Seen = SharedMemory.Allocate<int>(1 << TTile.RowShift),
        };

    /// <summary>
    /// Takes a tile into the softmax: <see cref="Weights"/> and <see cref="Corrections"/> are those of the tile, <see cref="Maxima"/> and
    /// <see cref="Sums"/> include it. To be called by all threads; keys must have been written before a barrier, and a barrier must
    /// come before keys, values or <see cref="Seen"/> are written again.
    /// </summary>
    /// <param name="queries">The queries.</param>
    /// <param name="keys">[positions, pitch], a row beginning with queries.Width values and zeros up to a multiple of four.</param>
    /// <param name="pitch">Keys' row in quads.</param>
    /// <param name="start">The tile's first position, as <see cref="Seen"/> counts.</param>
    /// <param name="positions">Positions of the tile that hold keys, at least 1; each query has seen one by the end of the first tile.</param>
    /// <param name="scale">What products are multiplied with to be scores.</param>
    public readonly void Take<TTile, TPlatform>(
        TileQueries queries, ArrayView<Float4> keys, int pitch, int start, int positions, float scale)
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        Multiply<TTile, TPlatform>(queries, keys, pitch, positions);
        Group.Barrier();
        SumSlices<TTile, TPlatform>(start, positions, scale);
        Group.Barrier();
        Weigh<TTile, TPlatform>();
        Group.Barrier();
        UpdateSums<TTile, TPlatform>();
    }

    /// <summary>The largest of what there was and the tile's scores.</summary>
    private readonly float Maximum<TTile>(int row)
        where TTile : struct, IAttentionTile
    {
        float maximum = Maxima[row];
        for (int position = 0; position < 1 << TTile.PositionShift; position++)
        {
            maximum = Gpu.Maximum.Combine(maximum, Scores[(row << TTile.PositionShift) + position]);
        }

        return maximum;
    }

    private static int SliceShift<TTile, TPlatform>()
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        // Threads there are for each 4 x 4 block of scores.
        int shift = TPlatform.AttentionShift - (TTile.RowShift + TTile.PositionShift - 4);
        return shift > 0 ? shift : 0;
    }

    private readonly void Multiply<TTile, TPlatform>(TileQueries queries, ArrayView<Float4> keys, int pitch, int positions)
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        int sliceShift = SliceShift<TTile, TPlatform>();
        int slices = 1 << sliceShift;
        int slice = Group.IdxX & (slices - 1);
        int quads = Quads.Count(queries.Width);
        int last = positions - 1;
        for (int block = Group.IdxX >> sliceShift;
            block < 1 << (TTile.RowShift + TTile.PositionShift - 4);
            block += 1 << (TPlatform.AttentionShift - sliceShift))
        {
            int row = block >> (TTile.PositionShift - 2) << 2;
            int column = block & ((1 << (TTile.PositionShift - 2)) - 1);
            long queryA = queries.Row(row);
            long queryB = queries.Row(row + 1);
            long queryC = queries.Row(row + 2);
            long queryD = queries.Row(row + 3);
            int position = column << 2;
            int keyA = (position < last ? position : last) * pitch;
            int keyB = (position + 1 < last ? position + 1 : last) * pitch;
            int keyC = (position + 2 < last ? position + 2 : last) * pitch;
            int keyD = (position + 3 < last ? position + 3 : last) * pitch;
            Float4x4 sums = default;
            for (int quad = slice; quad < quads; quad += slices)
            {
                Float4x4 query = new()
                {
                    A = queries.Load(queryA, quad),
                    B = queries.Load(queryB, quad),
                    C = queries.Load(queryC, quad),
                    D = queries.Load(queryD, quad),
                };
                Float4x4 key = new() { A = keys[keyA + quad], B = keys[keyB + quad], C = keys[keyC + quad], D = keys[keyD + quad] };
                sums = Float4x4.AddDots(sums, query, key);
            }

            int pitchOfRow = (slices + 1) << (TTile.PositionShift - 2);
            int at = row * pitchOfRow + column * (slices + 1) + slice;
            Partial[at] = sums.A;
            Partial[at + pitchOfRow] = sums.B;
            Partial[at + 2 * pitchOfRow] = sums.C;
            Partial[at + 3 * pitchOfRow] = sums.D;
        }
    }

    private readonly void SumSlices<TTile, TPlatform>(int start, int positions, float scale)
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        int slices = 1 << SliceShift<TTile, TPlatform>();
        ArrayView<float> partial = Partial.Cast<float>();
        for (int i = Group.IdxX; i < 1 << (TTile.RowShift + TTile.PositionShift); i += 1 << TPlatform.AttentionShift)
        {
            int position = i & ((1 << TTile.PositionShift) - 1);
            int at = ((i >> 2) * (slices + 1) << 2) + (i & 3);
            float sum = 0f;
            for (int slice = 0; slice < slices; slice++)
            {
                sum += partial[at + (slice << 2)];
            }

            float score = float.NegativeInfinity;
            if (position < positions && start + position < Seen[i >> TTile.PositionShift])
            {
                score = scale * sum;
            }

            Scores[i] = score;
        }
    }

    private readonly void Weigh<TTile, TPlatform>()
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> weights = Weights.Cast<float>();
        ArrayView<float> corrections = Corrections.Cast<float>();
        for (int i = Group.IdxX; i < 1 << (TTile.RowShift + TTile.PositionShift); i += 1 << TPlatform.AttentionShift)
        {
            int position = i & ((1 << TTile.PositionShift) - 1);
            int row = i >> TTile.PositionShift;
            float maximum = Maximum<TTile>(row);
            weights[(position << TTile.RowShift) + row] = XMath.Exp(Scores[i] - maximum);
            if (position == 0)
            {
                corrections[row] = XMath.Exp(Maxima[row] - maximum);
            }
        }
    }

    private readonly void UpdateSums<TTile, TPlatform>()
        where TTile : struct, IAttentionTile
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> weights = Weights.Cast<float>();
        ArrayView<float> corrections = Corrections.Cast<float>();
        for (int row = Group.IdxX; row < 1 << TTile.RowShift; row += 1 << TPlatform.AttentionShift)
        {
            float sum = 0f;
            for (int position = 0; position < 1 << TTile.PositionShift; position++)
            {
                sum += weights[(position << TTile.RowShift) + row];
            }

            Sums[row] = Fused.MultiplyAdd(Sums[row], corrections[row], sum);
            Maxima[row] = Maximum<TTile>(row);
        }
    }
}

/// <summary>Four values of each of eight queries, in registers.</summary>
internal struct TileValues
{
    public Float4x4 Low;
    public Float4x4 High;

    /// <summary>this * corrections + sum_j weights[j] values[j], j &lt; positions.</summary>
    /// <param name="tile">Whose corrections and weights.</param>
    /// <param name="firstRow">The first of the eight queries.</param>
    /// <param name="values">[positions, pitch]; the four values are those at <paramref name="column"/>.</param>
    /// <param name="column">Which quad of a row.</param>
    /// <param name="pitch">A row in quads.</param>
    /// <param name="positions">Positions that hold values.</param>
    public readonly TileValues Add<TTile>(AttentionTile tile, int firstRow, ArrayView<Float4> values, int column, int pitch, int positions)
        where TTile : struct, IAttentionTile
    {
        int row = firstRow >> 2;
        TileValues sums = new()
        {
            Low = Float4x4.Scale(Low, tile.Corrections[row]),
            High = Float4x4.Scale(High, tile.Corrections[row + 1]),
        };
        for (int position = 0; position < positions; position++)
        {
            Float4 value = values[position * pitch + column];
            int weights = (position << (TTile.RowShift - 2)) + row;
            sums.Low = Float4x4.AddOuter(sums.Low, tile.Weights[weights], value);
            sums.High = Float4x4.AddOuter(sums.High, tile.Weights[weights + 1], value);
        }

        return sums;
    }

    public readonly Float4 Row(int row)
    {
        Float4x4 half = row < 4 ? Low : High;
        int of = row & 3;
        return of < 2 ? (of == 0 ? half.A : half.B) : (of == 2 ? half.C : half.D);
    }
}
