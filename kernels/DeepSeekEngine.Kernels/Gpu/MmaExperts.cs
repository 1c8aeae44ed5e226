using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// <see cref="RoutedExperts"/> for many tokens, by tensor cores. Launched after <see cref="ExpertOrder"/> with all tokens as one block:
/// <see cref="Tile"/> cuts its positions into tiles of one expert each, <see cref="Hidden"/> and <see cref="Down"/> compute their products, with
/// a row for each position, and <see cref="Mix"/> sums those of a token, in the order in which it chose its experts.
/// </summary>
internal static class MmaExperts
{
    /// <summary>The numbers that describe a tile: its first position, its length, its expert.</summary>
    public const int TileLength = 3;

    public struct TileParameters
    {
        public required ArrayView<int> Ids;
        public required ArrayView<int> Order;

        /// <summary>[tiles, 3]; those after the last are of length 0.</summary>
        public required ArrayView<int> Tiles;

        /// <summary>The token at each position.</summary>
        public required ArrayView<int> Tokens;

        /// <summary>The position of each slot.</summary>
        public required ArrayView<int> Positions;

        public required int MaxTiles;
        public required int Chosen;
        public required int Slots;
    }

    public struct HiddenParameters
    {
        public required RoundedRows X;
        public required ArrayView<int> Tiles;
        public required ArrayView<int> Tokens;
        public required WeightView Gate;
        public required WeightView Up;
        public required RowView Hidden;
    }

    public struct DownParameters
    {
        public required RoundedRows Hidden;
        public required ArrayView<int> Tiles;
        public required WeightView Down;
        public required RowView Products;
    }

    public struct MixParameters
    {
        public required RowView Products;
        public required ArrayView<int> Positions;
        public required RowView Weights;
        public required RowView Y;
        public required int Chosen;
        public required int Width;
    }

    /// <summary>
    /// Cuts the positions into tiles. Grid: (ceil((slots + MaxTiles) / GroupSize)); a thread a position, which counts the tiles before it if one
    /// begins there; those after the last position end the tiles that there are not.
    /// </summary>
    [GpuKernel(TensorCores = true)]
    public static void Tile<TPlatform>(TileParameters p)
        where TPlatform : struct, IPlatform
    {
        int position = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int within = (1 << MmaTile.EdgeShift(TPlatform.MmaShift)) - 1;
        int end = position < p.Slots ? position : p.Slots;
        int before = 0;
        for (int other = 0; other < end; other++)
        {
            if ((p.Order[(long)other * 2 + 1] & within) == 0)
            {
                before++;
            }
        }

        if (position < p.Slots)
        {
            int slot = p.Order[(long)position * 2];
            p.Tokens[position] = slot / p.Chosen;
            p.Positions[slot] = position;
            if ((p.Order[(long)position * 2 + 1] & within) == 0)
            {
                int expert = p.Ids[slot];
                int last = position + 1;
                while (last < p.Slots && last <= position + within && p.Ids[p.Order[(long)last * 2]] == expert)
                {
                    last++;
                }

                p.Tiles[(long)before * TileLength] = position;
                p.Tiles[(long)before * TileLength + 1] = last - position;
                p.Tiles[(long)before * TileLength + 2] = expert;
            }
        }
        else if (before + position - p.Slots < p.MaxTiles)
        {
            p.Tiles[(long)(before + position - p.Slots) * TileLength + 1] = 0;
        }
    }

    /// <summary>
    /// hidden[position, j] = silu(x . Wgate_e[j]) * (x . Wup_e[j]) of the token at the position. Grid: (tiles of half as many rows, tiles).
    /// </summary>
    [GpuKernel(TensorCores = true)]
    public static void Hidden<TWeight, TPlatform>(HiddenParameters p)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(MmaTile.SharedLength<TWeight, TPlatform>());
        int count = p.Tiles[(long)Grid.IdxY * TileLength + 1];
        if (count == 0)
        {
            return;
        }

        int position = p.Tiles[(long)Grid.IdxY * TileLength];
        int panel = Grid.IdxX << (MmaTile.EdgeShift(TPlatform.MmaShift) - 5);
        TileWeights weights = new()
        {
            First = p.Gate,
            Second = p.Up,
            Two = 1,
            Expert = p.Tiles[(long)Grid.IdxY * TileLength + 2],
            Panel = panel,
        };
        ListedTokens tokens = new() { Rows = p.Tokens, First = position, Present = count };
        MmaSums sums = MmaTile.Run<TWeight, ListedTokens, TPlatform>(weights, p.X, tokens, shared);
        int lane = Group.IdxX & 31;
        int token = MmaTile.TokenOfWarp<TPlatform>() + ((lane & 3) << 1);
        int row = (weights.PanelOf(MmaTile.BlockOfWarp<TPlatform>()) << 4) + (lane >> 2);
        RowView hidden = p.Hidden.From(position);
        Store(sums.Upper.A, sums.Lower.A, hidden, token, count, row, p.Gate.Rows);
        Store(sums.Upper.B, sums.Lower.B, hidden, token + 8, count, row, p.Gate.Rows);
        Store(sums.Upper.C, sums.Lower.C, hidden, token + 16, count, row, p.Gate.Rows);
        Store(sums.Upper.D, sums.Lower.D, hidden, token + 24, count, row, p.Gate.Rows);
    }

    /// <summary>products[position, j] = hidden[position] . Wdown_e[j]. Grid: (tiles of rows, tiles).</summary>
    [GpuKernel(TensorCores = true)]
    public static void Down<TWeight, TPlatform>(DownParameters p)
        where TWeight : struct, ITensorCoreFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(MmaTile.SharedLength<TWeight, TPlatform>());
        int count = p.Tiles[(long)Grid.IdxY * TileLength + 1];
        if (count == 0)
        {
            return;
        }

        int position = p.Tiles[(long)Grid.IdxY * TileLength];
        int edgeShift = MmaTile.EdgeShift(TPlatform.MmaShift);
        TileWeights weights = new()
        {
            First = p.Down,
            Second = p.Down,
            Two = 0,
            Expert = p.Tiles[(long)Grid.IdxY * TileLength + 2],
            Panel = Grid.IdxX << (edgeShift - 4),
        };
        FollowingTokens tokens = new() { First = position, Present = count };
        MmaSums sums = MmaTile.Run<TWeight, FollowingTokens, TPlatform>(weights, p.Hidden, tokens, shared);
        MmaLinear.Store<TPlatform>(sums, p.Products, position, position + count, Grid.IdxX << edgeShift, p.Down.Rows, 0);
    }

    /// <summary>
    /// y[t, j] += sum_i w[t, i] products[position of slot t * k + i, j]. Grid: (ceil(width / GroupSize), tokens); a thread an element.
    /// </summary>
    [GpuKernel(TensorCores = true)]
    public static void Mix<TPlatform>(MixParameters p)
        where TPlatform : struct, IPlatform
    {
        int column = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int token = Grid.IdxY;
        if (column < p.Width)
        {
            float sum = 0f;
            for (int i = 0; i < p.Chosen; i++)
            {
                int position = p.Positions[(long)token * p.Chosen + i];
                sum = Fused.MultiplyAdd(
                    p.Weights.Data[p.Weights.Row(token) + i], p.Products.Data[p.Products.Row(position) + column], sum);
            }

            p.Y.Data[p.Y.Row(token) + column] += sum;
        }
    }

    private static void Store(Float4 gate, Float4 up, RowView hidden, int token, int tokens, int row, int rows)
    {
        Store(gate.X, up.X, hidden, token, tokens, row, rows);
        Store(gate.Y, up.Y, hidden, token + 1, tokens, row, rows);
        Store(gate.Z, up.Z, hidden, token, tokens, row + 8, rows);
        Store(gate.W, up.W, hidden, token + 1, tokens, row + 8, rows);
    }

    private static void Store(float gate, float up, RowView hidden, int token, int tokens, int row, int rows)
    {
        if (token < tokens && row < rows)
        {
            hidden.Data[hidden.Row(token) + row] = SwiGlu.Apply(gate, up);
        }
    }

    /// <summary>Tokens whose rows a list has.</summary>
    private struct ListedTokens : ITileTokens<ListedTokens>
    {
        public required ArrayView<int> Rows;
        public required int First;
        public required int Present;

        public static int Count(ListedTokens tokens) => tokens.Present;

        public static int Row(ListedTokens tokens, int token) => tokens.Rows[tokens.First + token];
    }
}
