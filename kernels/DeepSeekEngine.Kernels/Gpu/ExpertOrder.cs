using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// The slots t * k + i of a step's chosen experts, sorted by block of tokens, then expert, then slot:
/// order[2 p] is the slot at position p, order[2 p + 1] how many of its block and expert come before it.
/// Grid: (ceil(slots / GroupSize)); a thread a slot, which counts those that come before it.
/// </summary>
internal static class ExpertOrder
{
    public struct Parameters
    {
        public required ArrayView<int> Ids;
        public required ArrayView<int> Order;
        public required int Slots;

        /// <summary>Slots of a block of tokens.</summary>
        public required int BlockSlots;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        int slot = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        if (slot < p.Slots)
        {
            int expert = p.Ids[slot];
            int begin = slot - slot % p.BlockSlots;
            int end = begin + p.BlockSlots < p.Slots ? begin + p.BlockSlots : p.Slots;
            int smaller = 0;
            int equal = 0;
            for (int other = begin; other < end; other++)
            {
                int id = p.Ids[other];
                if (id < expert)
                {
                    smaller++;
                }
                else if (id == expert && other < slot)
                {
                    equal++;
                }
            }

            int position = begin + smaller + equal;
            p.Order[(long)position * 2] = slot;
            p.Order[(long)position * 2 + 1] = equal;
        }
    }
}

/// <summary>
/// Up to four slots that follow each other in <see cref="ExpertOrder"/> and have the same expert; or tokens, of an expert that all have.
/// </summary>
internal struct SlotTile
{
    public int A;
    public int B;
    public int C;
    public int D;
    public int Expert;
    public int Count;

    /// <summary>The tokens from <paramref name="first"/> on, as many as there are until <paramref name="end"/>.</summary>
    public static SlotTile OfTokens(int first, int end) => new()
    {
        A = first,
        B = first + 1,
        C = first + 2,
        D = first + 3,
        Count = end - first < WeightView.TokenTile ? end - first : WeightView.TokenTile,
    };

    /// <summary>The tile that begins at a position.</summary>
    /// <param name="end">Where the block of tokens ends.</param>
    public static SlotTile At(ArrayView<int> ids, ArrayView<int> order, int position, int end)
    {
        SlotTile tile = default;
        tile.A = order[(long)position * 2];
        tile.Expert = ids[tile.A];
        tile.Count = 1;
        if (ExpertAt(ids, order, position + 1, end) == tile.Expert)
        {
            tile.B = order[(long)position * 2 + 2];
            tile.Count = 2;
            if (ExpertAt(ids, order, position + 2, end) == tile.Expert)
            {
                tile.C = order[(long)position * 2 + 4];
                tile.Count = 3;
                if (ExpertAt(ids, order, position + 3, end) == tile.Expert)
                {
                    tile.D = order[(long)position * 2 + 6];
                    tile.Count = 4;
                }
            }
        }

        return tile;
    }

    /// <summary>Slot <paramref name="index"/> of 0 to 3.</summary>
    public readonly int Slot(int index) => index < 2 ? (index == 0 ? A : B) : (index == 2 ? C : D);

    /// <summary>The rows of <paramref name="x"/> the slots have, one for each <paramref name="share"/> slots.</summary>
    public readonly TokenTile Rows(RowView x, int share) => new()
    {
        A = x.Row(A / share),
        B = x.Row(B / share),
        C = x.Row(C / share),
        D = x.Row(D / share),
        Count = Count,
    };

    /// <summary>The expert at a position, none where the block has ended.</summary>
    private static int ExpertAt(ArrayView<int> ids, ArrayView<int> order, int position, int end)
    {
        int expert = -1;
        if (position < end)
        {
            expert = ids[order[(long)position * 2]];
        }

        return expert;
    }
}
