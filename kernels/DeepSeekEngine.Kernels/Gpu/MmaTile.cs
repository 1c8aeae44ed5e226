using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Sums a lane has of 32 rows by 32 tokens: 16 rows above the other, four times 8 tokens each.</summary>
internal struct MmaSums
{
    public Float4x4 Upper;
    public Float4x4 Lower;
}

/// <summary>
/// The weights of a tile, in blocks of 16 rows: block b is panel <c>Panel + b</c> of one matrix or, where two matrices are multiplied at once,
/// panel <c>Panel + b / 2</c> of the first if b is even, of the second if it is odd; so a lane has the same element of both products.
/// </summary>
internal struct TileWeights
{
    public required WeightView First;

    /// <summary>As large as the first; the first itself if there is one matrix.</summary>
    public required WeightView Second;

    /// <summary>1 if there are two, 0 if not.</summary>
    public required int Two;

    public required int Expert;
    public required int Panel;

    public readonly int PanelOf(int block) => Panel + (block >> Two);

    public readonly bool IsFirst(int block) => (block & Two) == 0;
}

/// <summary>Which rows of bfloat16 are the tokens of a tile.</summary>
internal interface ITileTokens<TSelf>
    where TSelf : struct, ITileTokens<TSelf>
{
    /// <summary>How many there are.</summary>
    static abstract int Count(TSelf tokens);

    /// <summary>The row of a token that exists.</summary>
    static abstract int Row(TSelf tokens, int token);
}

/// <summary>
/// Products by tensor cores of a tile of rows of a weight matrix with a tile of tokens that were rounded to bfloat16. Columns come in steps of
/// 64, asynchronously, two steps ahead: tokens as they are, weights as they are stored, to be decoded to bfloat16 in shared memory. Unscaled
/// weights are bfloat16 exactly and products are summed in float32, so nothing is rounded besides the tokens; scales multiply the sums of the
/// columns that share them. A token's sums depend on nothing but itself.
/// </summary>
internal static class MmaTile
{
    /// <summary>The binary logarithm of the columns of a step.</summary>
    public const int StepShift = 6;

    public const int StepColumns = 1 << StepShift;

    /// <summary>The binary logarithm of the 16-byte words of a row of a step in bfloat16.</summary>
    public const int RowShift = StepShift - 3;

    /// <summary>The binary logarithm of the rows, and of the tokens, of a warp.</summary>
    private const int WarpShift = 5;

    /// <summary>The binary logarithm of the rows of a block.</summary>
    private const int BlockShift = 4;

    /// <summary>Steps in shared memory: one that is multiplied and two that come.</summary>
    private const int Stages = 3;

    /// <summary>The binary logarithm of the rows, and of the tokens, of a tile.</summary>
    public static int EdgeShift(int mmaShift) => WarpShift + mmaShift;

    /// <summary>The binary logarithm of the threads of a group.</summary>
    public static int GroupShift(int mmaShift) => WarpShift + 2 * mmaShift;

    /// <summary>Words of shared memory <see cref="Run"/> needs: tokens and stored weights for each stage, and decoded weights.</summary>
    public static int SharedLength<TWeight, TPlatform>()
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
        => Stages * StageLength<TWeight, TPlatform>() + (TWeight.Decoded ? TileLength<TPlatform>() : 0);

    /// <summary>
    /// Where a word of a row is in a tile. Words of a row are permuted so that those at one place in eight rows, which are loaded together, are
    /// in different banks.
    /// </summary>
    public static int At(int row, int word) => (row << RowShift) + (word ^ (row & 7));

    /// <summary>
    /// The sums of this lane: of rows <see cref="BlockOfWarp"/> * 16 + lane / 4 + {0, 8, 16, 24} of the tile and tokens
    /// <see cref="TokenOfWarp"/> + 2 (lane % 4) + {0, 1, 8, 9, 16, 17, 24, 25}, laid out as <see cref="TensorCores.MultiplyAdd"/> has them. All
    /// threads of a group must call it.
    /// </summary>
    /// <param name="shared"><see cref="SharedLength"/> words.</param>
    public static MmaSums Run<TWeight, TTokens, TPlatform>(
        TileWeights weights, RoundedRows x, TTokens tokens, ArrayView<Quad> shared)
        where TWeight : struct, ITensorCoreFormat
        where TTokens : struct, ITileTokens<TTokens>
        where TPlatform : struct, IPlatform
    {
        int steps = (weights.First.Columns + StepColumns - 1) >> StepShift;
        int present = TTokens.Count(tokens) - TokenOfWarp<TPlatform>();
        MmaSums sums = default;
        Copy<TWeight, TTokens, TPlatform>(weights, x, tokens, shared, 0, 0);
        TensorCores.CommitCopies();
        if (steps > 1)
        {
            Copy<TWeight, TTokens, TPlatform>(weights, x, tokens, shared, 1, 1);
        }

        TensorCores.CommitCopies();
        int stage = 0;
        int free = 2;
        for (int step = 0; step < steps; step++)
        {
            // After the barrier, this step is there for all threads, and none reads the step before any more.
            TensorCores.WaitForAllButLastCopies();
            Group.Barrier();
            if (step + 2 < steps)
            {
                Copy<TWeight, TTokens, TPlatform>(weights, x, tokens, shared, step + 2, free);
            }

            TensorCores.CommitCopies();
            int tileTokens = stage * StageLength<TWeight, TPlatform>();
            int tileRows = tileTokens + TileLength<TPlatform>();
            if (TWeight.Decoded)
            {
                int stored = tileRows;
                tileRows = Stages * StageLength<TWeight, TPlatform>();
                Decode<TWeight, TPlatform>(shared, stored, tileRows);
                Group.Barrier();
            }

            if (present > 16)
            {
                sums = AddStep<TWeight, TPlatform>(sums, weights, shared, tileRows, tileTokens, step, 1);
            }
            else if (present > 0)
            {
                sums = AddStep<TWeight, TPlatform>(sums, weights, shared, tileRows, tileTokens, step, 0);
            }

            // At the end: ILGPU assigns a variable of an outer loop in the header of an inner one that follows, at every turn.
            stage = stage == Stages - 1 ? 0 : stage + 1;
            free = free == Stages - 1 ? 0 : free + 1;
        }

        return sums;
    }

    /// <summary>The first of the two blocks of rows that this warp multiplies.</summary>
    public static int BlockOfWarp<TPlatform>()
        where TPlatform : struct, IPlatform
        => ((Group.IdxX >> WarpShift) & ((1 << TPlatform.MmaShift) - 1)) << (WarpShift - BlockShift);

    /// <summary>The first of the tokens that this warp multiplies with.</summary>
    public static int TokenOfWarp<TPlatform>()
        where TPlatform : struct, IPlatform
        => Group.IdxX >> (WarpShift + TPlatform.MmaShift) << WarpShift;

    /// <summary>Words of the rows, or the tokens, of a tile in bfloat16.</summary>
    private static int TileLength<TPlatform>()
        where TPlatform : struct, IPlatform
        => 1 << (EdgeShift(TPlatform.MmaShift) + RowShift);

    private static int StageLength<TWeight, TPlatform>()
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
        => TileLength<TPlatform>() + (1 << (EdgeShift(TPlatform.MmaShift) + TWeight.StoredShift));

    /// <summary>Begins to copy a step.</summary>
    private static void Copy<TWeight, TTokens, TPlatform>(
        TileWeights weights, RoundedRows x, TTokens tokens, ArrayView<Quad> shared, int step, int stage)
        where TWeight : struct, ITensorCoreFormat
        where TTokens : struct, ITileTokens<TTokens>
        where TPlatform : struct, IPlatform
    {
        int threads = 1 << GroupShift(TPlatform.MmaShift);
        int tile = stage * StageLength<TWeight, TPlatform>();
        int count = TTokens.Count(tokens);
        for (int i = Group.IdxX; i < TileLength<TPlatform>(); i += threads)
        {
            int token = i >> RowShift;
            int word = i & ((1 << RowShift) - 1);
            long source = 0;
            int bytes = 0;
            if (token < count)
            {
                source = (long)TTokens.Row(tokens, token) * x.Pitch + (step << RowShift) + word;
                bytes = 16;
            }

            TensorCores.CopyAsync(ref shared[tile + At(token, word)], ref x.Data[source], bytes);
        }

        int stored = tile + TileLength<TPlatform>();
        for (int i = Group.IdxX; i < 1 << (EdgeShift(TPlatform.MmaShift) + TWeight.StoredShift); i += threads)
        {
            int block = i >> (BlockShift + TWeight.StoredShift);
            int index = i & ((1 << (BlockShift + TWeight.StoredShift)) - 1);
            int target = stored + (TWeight.Decoded ? i : At(i >> RowShift, i & ((1 << RowShift) - 1)));
            if (weights.IsFirst(block))
            {
                CopyWeights<TWeight>(weights.First, weights.Expert, weights.PanelOf(block), step, index, shared, target);
            }
            else
            {
                CopyWeights<TWeight>(weights.Second, weights.Expert, weights.PanelOf(block), step, index, shared, target);
            }
        }
    }

    private static void CopyWeights<TWeight>(
        WeightView view, int expert, int panel, int step, int index, ArrayView<Quad> shared, int target)
        where TWeight : struct, ITensorCoreFormat
    {
        long source = view.StoredQuad<TWeight>(expert, panel, step, index);
        int bytes = 16;
        if (source < 0)
        {
            source = 0;
            bytes = 0;
        }

        TensorCores.CopyAsync(ref shared[target], ref view.Data[source], bytes);
    }

    private static void Decode<TWeight, TPlatform>(ArrayView<Quad> shared, int stored, int tile)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        // Words of the tile, not of the memory: rows are permuted by their number in it, and it begins at a whole row.
        int row = tile >> RowShift;
        for (int i = Group.IdxX; i < 1 << (EdgeShift(TPlatform.MmaShift) + TWeight.StoredShift); i += 1 << GroupShift(TPlatform.MmaShift))
        {
            int block = i >> (BlockShift + TWeight.StoredShift);
            int index = i & ((1 << (BlockShift + TWeight.StoredShift)) - 1);
            TWeight.Decode(shared[stored + i], index, shared, row + (block << BlockShift));
        }
    }

    /// <summary>Adds the products of a step.</summary>
    /// <param name="many">A literal: 1 for all tokens of a warp, 0 for half of them.</param>
    private static MmaSums AddStep<TWeight, TPlatform>(
        MmaSums sums, TileWeights weights, ArrayView<Quad> shared, int tileRows, int tileTokens, int step, int many)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        int lane = Group.IdxX & 31;
        int row = tileRows + (((BlockOfWarp<TPlatform>() << BlockShift) + (lane & 15)) << RowShift);
        int token = tileTokens + ((TokenOfWarp<TPlatform>() + (lane & 7) + ((lane >> 4) << 3)) << RowShift);
        int rowWord = lane >> 4;
        int tokenWord = (lane >> 3) & 1;
        int swap = lane & 7;
        MmaSums part = TWeight.Scaled ? default : sums;
        part = AddColumns(part, shared, row + (rowWord ^ swap), token + (tokenWord ^ swap), many);
        part = AddColumns(part, shared, row + ((rowWord + 2) ^ swap), token + ((tokenWord + 2) ^ swap), many);
        if (TWeight.ScaleShift == StepShift - 1)
        {
            sums = AddScaled<TWeight, TPlatform>(sums, part, weights, step << StepShift);
            part = default;
        }

        part = AddColumns(part, shared, row + ((rowWord + 4) ^ swap), token + ((tokenWord + 4) ^ swap), many);
        part = AddColumns(part, shared, row + ((rowWord + 6) ^ swap), token + ((tokenWord + 6) ^ swap), many);
        if (TWeight.Scaled)
        {
            part = AddScaled<TWeight, TPlatform>(sums, part, weights, (step << StepShift) + StepColumns - (1 << TWeight.ScaleShift));
        }

        return part;
    }

    /// <summary>Adds the products of 16 columns, whose words of this lane's rows and tokens are where it says.</summary>
    private static MmaSums AddColumns(MmaSums sums, ArrayView<Quad> shared, int row, int token, int many)
    {
        Quad upper = TensorCores.LoadMatrices(ref shared[row]);
        Quad lower = TensorCores.LoadMatrices(ref shared[row + (1 << (BlockShift + RowShift))]);
        Quad x = TensorCores.LoadMatrices(ref shared[token]);
        sums.Upper.A = TensorCores.MultiplyAdd(upper, x.X, x.Y, sums.Upper.A);
        sums.Upper.B = TensorCores.MultiplyAdd(upper, x.Z, x.W, sums.Upper.B);
        sums.Lower.A = TensorCores.MultiplyAdd(lower, x.X, x.Y, sums.Lower.A);
        sums.Lower.B = TensorCores.MultiplyAdd(lower, x.Z, x.W, sums.Lower.B);
        if (many == 1)
        {
            x = TensorCores.LoadMatrices(ref shared[token + (1 << (BlockShift + RowShift))]);
            sums.Upper.C = TensorCores.MultiplyAdd(upper, x.X, x.Y, sums.Upper.C);
            sums.Upper.D = TensorCores.MultiplyAdd(upper, x.Z, x.W, sums.Upper.D);
            sums.Lower.C = TensorCores.MultiplyAdd(lower, x.X, x.Y, sums.Lower.C);
            sums.Lower.D = TensorCores.MultiplyAdd(lower, x.Z, x.W, sums.Lower.D);
        }

        return sums;
    }

    /// <summary>sums + part times the scales that its rows have at a column.</summary>
    private static MmaSums AddScaled<TWeight, TPlatform>(MmaSums sums, MmaSums part, TileWeights weights, int column)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        int block = BlockOfWarp<TPlatform>();
        int line = (Group.IdxX & 31) >> 2;
        int row = (weights.PanelOf(block) << BlockShift) + line;
        sums.Upper = AddScaled(
            sums.Upper, part.Upper,
            weights.First.Scale<TWeight>(weights.Expert, row, column), weights.First.Scale<TWeight>(weights.Expert, row + 8, column));
        row = (weights.PanelOf(block + 1) << BlockShift) + line;
        if (weights.Two == 1)
        {
            sums.Lower = AddScaled(
                sums.Lower, part.Lower,
                weights.Second.Scale<TWeight>(weights.Expert, row, column), weights.Second.Scale<TWeight>(weights.Expert, row + 8, column));
        }
        else
        {
            sums.Lower = AddScaled(
                sums.Lower, part.Lower,
                weights.First.Scale<TWeight>(weights.Expert, row, column), weights.First.Scale<TWeight>(weights.Expert, row + 8, column));
        }

        return sums;
    }

    private static Float4x4 AddScaled(Float4x4 sums, Float4x4 part, float scale, float scaleBelow) => new()
    {
        A = AddScaled(sums.A, part.A, scale, scaleBelow),
        B = AddScaled(sums.B, part.B, scale, scaleBelow),
        C = AddScaled(sums.C, part.C, scale, scaleBelow),
        D = AddScaled(sums.D, part.D, scale, scaleBelow),
    };

    private static Float4 AddScaled(Float4 sums, Float4 part, float scale, float scaleBelow) => new()
    {
        X = Fused.MultiplyAdd(scale, part.X, sums.X),
        Y = Fused.MultiplyAdd(scale, part.Y, sums.Y),
        Z = Fused.MultiplyAdd(scaleBelow, part.Z, sums.Z),
        W = Fused.MultiplyAdd(scaleBelow, part.W, sums.W),
    };
}
