using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Tokens one after the other.</summary>
internal struct FollowingTokens : ITileTokens<FollowingTokens>
{
    public required int First;
    public required int Present;

    public static int Count(FollowingTokens tokens) => tokens.Present;

    public static int Row(FollowingTokens tokens, int token) => tokens.First + token;
}

/// <summary>
/// <see cref="Linear"/> for many tokens, by tensor cores. Grid: (tiles of tokens, tiles of rows of W), so that groups which read the same
/// weights are at work at the same time.
/// </summary>
internal static class MmaLinear
{
    public struct Parameters
    {
        public required WeightView Weight;
        public required RoundedRows X;
        public required RowView Y;
        public required int Tokens;

        /// <summary>1 to add to y, 0 to overwrite it.</summary>
        public required int Accumulate;
    }

    [GpuKernel(TensorCores = true)]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(MmaTile.SharedLength<TWeight, TPlatform>());
        int edgeShift = MmaTile.EdgeShift(TPlatform.MmaShift);
        TileWeights weights = new()
        {
            First = p.Weight,
            Second = p.Weight,
            Two = 0,
            Expert = 0,
            Panel = Grid.IdxY << (edgeShift - 4),
        };
        int first = Grid.IdxX << edgeShift;
        FollowingTokens tokens = new() { First = first, Present = p.Tokens - first };
        MmaSums sums = MmaTile.Run<TWeight, FollowingTokens, TPlatform>(weights, p.X, tokens, shared);
        Store<TPlatform>(sums, p.Y, first, p.Tokens, Grid.IdxY << edgeShift, p.Weight.Rows, p.Accumulate);
    }

    /// <summary>Writes the sums of a tile of one matrix, or adds them, to the rows of y from one on.</summary>
    /// <param name="end">The row at which y ends.</param>
    /// <param name="column">The column of y that is the tile's first row.</param>
    public static void Store<TPlatform>(MmaSums sums, RowView y, int first, int end, int column, int columns, int accumulate)
        where TPlatform : struct, IPlatform
    {
        int lane = Group.IdxX & 31;
        int token = first + MmaTile.TokenOfWarp<TPlatform>() + ((lane & 3) << 1);
        column += (MmaTile.BlockOfWarp<TPlatform>() << 4) + (lane >> 2);
        Store(sums.Upper, y, token, end, column, columns, accumulate);
        Store(sums.Lower, y, token, end, column + 16, columns, accumulate);
    }

    private static void Store(Float4x4 sums, RowView y, int token, int end, int column, int columns, int accumulate)
    {
        Store(sums.A, y, token, end, column, columns, accumulate);
        Store(sums.B, y, token + 8, end, column, columns, accumulate);
        Store(sums.C, y, token + 16, end, column, columns, accumulate);
        Store(sums.D, y, token + 24, end, column, columns, accumulate);
    }

    private static void Store(Float4 sums, RowView y, int token, int end, int column, int columns, int accumulate)
    {
        Store(sums.X, y, token, end, column, columns, accumulate);
        Store(sums.Y, y, token + 1, end, column, columns, accumulate);
        Store(sums.Z, y, token, end, column + 8, columns, accumulate);
        Store(sums.W, y, token + 1, end, column + 8, columns, accumulate);
    }

    private static void Store(float value, RowView y, int token, int end, int column, int columns, int accumulate)
    {
        if (token < end && column < columns)
        {
            long at = y.Row(token) + column;
            y.Data[at] = accumulate == 0 ? value : y.Data[at] + value;
        }
    }
}
