using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>
/// Products of many tokens by tensor cores, which round activations to bfloat16. The router's, which the choice of experts hangs on, are never
/// computed so, nor those of weights that are not bfloat16 but for a scale, nor any where memory is too short for what lies between.
/// </content>
internal sealed partial class IlgpuBackend
{
    /// <summary>Tokens from which on tensor cores compute; more than there are where there are no tensor cores.</summary>
    private readonly int tensorCoreTokens;

    private bool mayRound = true;

    private readonly LoadedKernel<RoundRows.Parameters>? roundRows;
    private readonly LoadedKernel<MmaLinear.Parameters>?[] mmaLinear = [];
    private readonly LoadedKernel<MmaExperts.TileParameters>? mmaTile;
    private readonly LoadedKernel<MmaExperts.HiddenParameters>?[] mmaHidden = [];
    private readonly LoadedKernel<MmaExperts.DownParameters>?[] mmaDown = [];
    private readonly LoadedKernel<MmaExperts.MixParameters>? mmaMix;
    private readonly StepBuffer<Quad> roundedRows;
    private readonly StepBuffer<int> expertTiles;
    private readonly StepBuffer<float> expertProducts;

    public int RoundedTokens => tensorCoreTokens;

    public void BeginStep(bool mayRound) => this.mayRound = mayRound;

    private int TileEdge => 1 << MmaTile.EdgeShift(catalog.MmaShift);

    private bool TensorCoresTake(WeightEncoding encoding, in WeightView weights, int count)
        => mayRound && count >= tensorCoreTokens && KernelCatalog.HasTensorCoreFormat(encoding) && weights.BlockColumns % MmaTile.StepColumns == 0;

    /// <summary>Whether it could be done.</summary>
    private bool LinearByTensorCores(in RowView x, Matrix matrix, in WeightView weights, in RowView y, int count, int accumulate)
    {
        bool exact = ((IlgpuMatrix)matrix).ExactActivations;
        if (exact || !TensorCoresTake(matrix.Encoding, weights, count) || !roundedRows.HasRoom(RoundedLength(count, weights.Columns)))
        {
            return false;
        }

        mmaLinear[(int)matrix.Encoding]!.Launch(Tiles(count), Tiles(weights.Rows), 1, new()
        {
            Weight = weights,
            X = Round(x, count, weights.Columns),
            Y = y,
            Tokens = count,
            Accumulate = accumulate,
        });
        return true;
    }

    /// <summary>Whether it could be done.</summary>
    private bool ExpertsByTensorCores(
        in ExpertSet experts, in WeightView gate, in WeightView up, in WeightView down, in RowView x, ArrayView<int> ids,
        in RowView expertWeights, in RowView hidden, in RowView y, int count, int chosen)
    {
        int slots = count * chosen;
        int maxTiles = Math.Min(slots, experts.Gate.Experts + slots / TileEdge);
        long roundedLength = Math.Max(RoundedLength(count, gate.Columns), RoundedLength(slots, down.Columns));
        long tileLength = (long)MmaExperts.TileLength * maxTiles;
        if (!TensorCoresTake(experts.Gate.Encoding, gate, count) || !TensorCoresTake(experts.Up.Encoding, up, count)
            || !TensorCoresTake(experts.Down.Encoding, down, count) || !roundedRows.HasRoom(roundedLength)
            || !expertProducts.HasRoom((long)slots * down.Rows))
        {
            return false;
        }

        // The hidden rows are rounded to where the tokens were.
        roundedRows.Get(roundedLength);
        ArrayView<int> tiles = expertTiles.Get(tileLength + 2L * slots);
        ArrayView<int> tokens = tiles.SubView(tileLength, slots);
        ArrayView<int> positions = tiles.SubView(tileLength + slots, slots);
        ArrayView<int> order = orders.Get(2L * slots);
        expertOrder.LaunchElements(slots, 1, 1, new() { Ids = ids, Order = order, Slots = slots, BlockSlots = slots });
        mmaTile!.LaunchElements(slots + maxTiles, 1, 1, new()
        {
            Ids = ids,
            Order = order,
            Tiles = tiles,
            Tokens = tokens,
            Positions = positions,
            MaxTiles = maxTiles,
            Chosen = chosen,
            Slots = slots,
        });
        mmaHidden[(int)experts.Gate.Encoding]!.Launch(Tiles(2L * gate.Rows), maxTiles, 1, new()
        {
            X = Round(x, count, gate.Columns),
            Tiles = tiles,
            Tokens = tokens,
            Gate = gate,
            Up = up,
            Hidden = hidden,
        });
        RowView products = new() { Data = expertProducts.Get((long)slots * down.Rows), Offset = 0, Stride = down.Rows };
        mmaDown[(int)experts.Down.Encoding]!.Launch(Tiles(down.Rows), maxTiles, 1, new()
        {
            Hidden = Round(hidden, slots, down.Columns),
            Tiles = tiles,
            Down = down,
            Products = products,
        });
        mmaMix!.LaunchElements(down.Rows, count, 1, new()
        {
            Products = products,
            Positions = positions,
            Weights = expertWeights,
            Y = y,
            Chosen = chosen,
            Width = down.Rows,
        });
        return true;
    }

    private RoundedRows Round(in RowView x, int count, int columns)
    {
        RoundedRows rounded = new()
        {
            Data = roundedRows.Get(RoundedLength(count, columns)),
            Pitch = RoundedRows.PitchOf(columns),
        };
        roundRows!.Launch(count, (rounded.Pitch + catalog.GroupSize - 1) / catalog.GroupSize, 1, new() { X = x, Y = rounded, Width = columns });
        return rounded;
    }

    private static long RoundedLength(int count, int columns) => (long)count * RoundedRows.PitchOf(columns);

    private int Tiles(long length) => (int)((length + TileEdge - 1) / TileEdge);

    private LoadedKernel<TParameters>?[] LoadForTensorCores<TParameters>()
        where TParameters : struct
        => [.. KernelCatalog.Encodings.Select(encoding => KernelCatalog.HasTensorCoreFormat(encoding)
            ? new LoadedKernel<TParameters>(loader, catalog.Get<TParameters>(encoding), Stream, catalog.TensorCoreGroupSize)
            : null)];
}
