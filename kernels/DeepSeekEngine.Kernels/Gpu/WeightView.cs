using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Weight matrices as the device holds them: rows of <see cref="Pitch"/> 16-byte words, elements little-endian, the tail of a row zero,
/// or panels of <see cref="PackedLayout"/>, <see cref="Pitch"/> words each. The matrices of several experts follow each other, data and
/// scales alike.
/// </summary>
internal struct WeightView
{
    /// <summary>Tokens that share a decoded weight: the components of a <see cref="Float4"/>.</summary>
    public const int TokenTile = 4;

    /// <summary>The scale quads that precede the columns of a packed block.</summary>
    public const int ScaleQuads = 4;

    public required ArrayView<Quad> Data;

    /// <summary>
    /// F8E4M3 only: [experts * ceil(Rows / BlockRows), ScaleColumns], BlockColumns a multiple of 16; else any valid view.
    /// </summary>
    public required ArrayView<float> Scales;

    public required int Rows;
    public required int Columns;

    /// <summary>16-byte words a row, or a panel.</summary>
    public required int Pitch;

    public required int BlockRows;
    public required int BlockColumns;
    public required int ScaleRows;
    public required int ScaleColumns;

    /// <summary>Panels a matrix.</summary>
    public readonly int Panels => (Rows + PackedLayout.PanelRows - 1) >> 4;

    /// <summary>Where a row's scales begin.</summary>
    public readonly long ScaleRow(int expert, int row) => ((long)expert * ScaleRows + row / BlockRows) * ScaleColumns;

    /// <summary>W[row, column], decoded and scaled.</summary>
    public readonly float At<TWeight>(int row, int column)
        where TWeight : struct, IWeightFormat
    {
        int lane = column & ((1 << TWeight.WordShift) - 1);
        if (TWeight.Packed)
        {
            long panel = (long)(row >> 4) * Pitch;
            int rowQuad = (row >> 2) & 3;
            int chunk = column >> TWeight.ChunkShift;
            uint packed = Data[panel + PackedQuad<TWeight>(chunk) + rowQuad].At(row & 3);
            return TWeight.Decode(packed, lane) * PackedScales<TWeight>(panel, rowQuad, chunk).At(row & 3);
        }

        Quad quad = Data[(long)row * Pitch + (column >> (TWeight.WordShift + 2))];
        float value = TWeight.Decode(quad.At((column >> TWeight.WordShift) & 3), lane);
        if (TWeight.Scaled)
        {
            value *= Scales[ScaleRow(0, row) + column / BlockColumns];
        }

        return value;
    }

    /// <summary>The chunks of a row.</summary>
    public readonly int Chunks<TWeight>()
        where TWeight : struct, IWeightFormat
        => (Columns + (1 << TWeight.ChunkShift) - 1) >> TWeight.ChunkShift;

    /// <summary>
    /// Where four rows begin, 4 * rowQuad and those below it; where they are in panels, A says it for all. A row that does not exist
    /// begins where the last does.
    /// </summary>
    public readonly Rows4<long> Begin<TWeight>(int expert, int rowQuad)
        where TWeight : struct, IWeightFormat
    {
        if (TWeight.Packed)
        {
            return new() { A = ((long)expert * Panels + (rowQuad >> 2)) * Pitch };
        }

        long first = (long)expert * Rows;
        int row = rowQuad << 2;
        return new()
        {
            A = (first + Existing(row)) * Pitch,
            B = (first + Existing(row + 1)) * Pitch,
            C = (first + Existing(row + 2)) * Pitch,
            D = (first + Existing(row + 3)) * Pitch,
        };
    }

    /// <summary>Where the scales of four rows begin, as <see cref="Begin"/> does; only for formats that are scaled, but not packed.</summary>
    public readonly Rows4<long> BeginScales(int expert, int rowQuad)
    {
        int row = rowQuad << 2;
        return new()
        {
            A = ScaleRow(expert, Existing(row)),
            B = ScaleRow(expert, Existing(row + 1)),
            C = ScaleRow(expert, Existing(row + 2)),
            D = ScaleRow(expert, Existing(row + 3)),
        };
    }

    /// <summary>A chunk of four rows that begin at <paramref name="begin"/>: for each 16 bytes, or a word if packed.</summary>
    public readonly Rows4<Quad> Load<TWeight>(Rows4<long> begin, int rowQuad, int chunk)
        where TWeight : struct, IWeightFormat
    {
        if (TWeight.Packed)
        {
            Quad quad = Data[begin.A + PackedQuad<TWeight>(chunk) + (rowQuad & 3)];
            return new()
            {
                A = new() { X = quad.X },
                B = new() { X = quad.Y },
                C = new() { X = quad.Z },
                D = new() { X = quad.W },
            };
        }

        return new() { A = Data[begin.A + chunk], B = Data[begin.B + chunk], C = Data[begin.C + chunk], D = Data[begin.D + chunk] };
    }

    /// <summary>The scales of a chunk, one a row.</summary>
    public readonly Float4 ChunkScales<TWeight>(Rows4<long> begin, Rows4<long> beginScales, int rowQuad, int chunk)
        where TWeight : struct, IWeightFormat
    {
        if (TWeight.Packed)
        {
            return PackedScales<TWeight>(begin.A, rowQuad & 3, chunk);
        }

        int block = (chunk << TWeight.ChunkShift) / BlockColumns;
        return new()
        {
            X = Scales[beginScales.A + block],
            Y = Scales[beginScales.B + block],
            Z = Scales[beginScales.C + block],
            W = Scales[beginScales.D + block],
        };
    }

    /// <summary>
    /// This thread's share of W[row] . x[token] for up to <see cref="TokenTile"/> tokens, over the columns thread, thread + GroupSize, ...
    /// A token's share does not depend on how many tokens there are.
    /// </summary>
    public readonly Float4 Dot<TWeight, TPlatform>(int row, RowView x, int firstToken, int tokens)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        Float4 sum = default;
        for (int column = Group.IdxX; column < Columns; column += TPlatform.GroupSize)
        {
            float weight = At<TWeight>(row, column);
            long at = x.Row(firstToken) + column;
            sum.X = Fused.MultiplyAdd(weight, x.Data[at], sum.X);
            if (tokens > 1)
            {
                sum.Y = Fused.MultiplyAdd(weight, x.Data[at + x.Stride], sum.Y);
            }

            if (tokens > 2)
            {
                sum.Z = Fused.MultiplyAdd(weight, x.Data[at + 2 * x.Stride], sum.Z);
            }

            if (tokens > 3)
            {
                sum.W = Fused.MultiplyAdd(weight, x.Data[at + 3 * x.Stride], sum.W);
            }
        }

        return sum;
    }

    /// <summary>The scale of W[row, column] of an expert; of the last row for one that does not exist.</summary>
    public readonly float Scale<TWeight>(int expert, int row, int column)
        where TWeight : struct, IWeightFormat
    {
        row = Existing(row);
        if (TWeight.Packed)
        {
            long panel = ((long)expert * Panels + (row >> 4)) * Pitch;
            return PackedScales<TWeight>(panel, (row >> 2) & 3, column >> TWeight.ChunkShift).At(row & 3);
        }

        return Scales[ScaleRow(expert, row) + column / BlockColumns];
    }

    /// <summary>
    /// Word <paramref name="index"/> of those that 16 rows have for 64 columns: row after row, or as they lie in a panel. A row or panel that
    /// does not exist has the words of the last, columns that do not exist have none: -1.
    /// </summary>
    /// <param name="step">Which 64 columns.</param>
    public readonly long StoredQuad<TWeight>(int expert, int panel, int step, int index)
        where TWeight : struct, ITensorCoreFormat
    {
        if (TWeight.Packed)
        {
            long begin = ((long)expert * Panels + (panel < Panels ? panel : Panels - 1)) * Pitch;
            return begin + PackedQuad<TWeight>(step << (MmaTile.StepShift - TWeight.ChunkShift)) + index;
        }

        int word = (step << TWeight.StoredShift) + (index & ((1 << TWeight.StoredShift) - 1));
        long row = (long)expert * Rows + Existing((panel << 4) + (index >> TWeight.StoredShift));
        long quad = row * Pitch + word;
        return word < Pitch ? quad : -1;
    }

    private readonly int Existing(int row) => row < Rows ? row : Rows - 1;

    /// <summary>Where, in a panel, the columns of a chunk begin.</summary>
    private static int PackedQuad<TWeight>(int chunk)
        where TWeight : struct, IWeightFormat
    {
        int shift = TWeight.BlockShift - TWeight.ChunkShift;
        return (chunk >> shift) * TWeight.BlockQuads + ScaleQuads + ((chunk & ((1 << shift) - 1)) << 2);
    }

    /// <summary>Int8 has a float32 scale a row in each block; Int4 a bfloat16 scale a row in each half of a block.</summary>
    private readonly Float4 PackedScales<TWeight>(long panel, int rowQuad, int chunk)
        where TWeight : struct, IWeightFormat
    {
        int shift = TWeight.BlockShift - TWeight.ChunkShift;
        long block = panel + (chunk >> shift) * TWeight.BlockQuads;
        if (TWeight.BlockShift == 7)
        {
            return F32.Decode(Data[block + rowQuad], 0);
        }

        return BF16.Decode(Data[block + (((chunk >> (shift - 1)) & 1) << 1) + (rowQuad >> 1)], rowQuad & 1);
    }
}
