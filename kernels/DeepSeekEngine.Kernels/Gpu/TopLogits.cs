using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Of each row of logits the list that <see cref="TopLogit"/> describes. <see cref="Part"/> makes a list of each part of a row of
/// neighbouring columns, <see cref="Join"/> one of up to <see cref="MaxLists"/> lists, until there is one. Each sorts what it sees in shared
/// memory (Batcher 1968, the bitonic network), keeps the first and sums the rest; the sums are relative to each list's own largest logit.
/// </summary>
internal static class TopLogits
{
    /// <summary>Logits a group sorts at most.</summary>
    public const int MaxSorted = 2048;

    /// <summary>Lists that are joined into one at most.</summary>
    public const int MaxLists = MaxSorted / TopLogit.Count;

    public struct Parameters
    {
        public required RowView X;

        /// <summary>[rows] 1 / T.</summary>
        public required ArrayView<float> InverseTemperatures;

        /// <summary>[rows, Parts, <see cref="TopLogit.ListLength"/>].</summary>
        public required ArrayView<TopLogit> Lists;

        public required int Width;
        public required int Parts;
        public required int PartWidth;

        /// <summary>A power of two, at least PartWidth and <see cref="TopLogit.Count"/>, at most <see cref="MaxSorted"/>.</summary>
        public required int Sorted;
    }

    public struct JoinParameters
    {
        /// <summary>[rows, Parts, <see cref="TopLogit.ListLength"/>].</summary>
        public required ArrayView<TopLogit> Lists;

        public required ArrayView<float> InverseTemperatures;

        /// <summary>[rows, ceil(Parts / <see cref="MaxLists"/>), <see cref="TopLogit.ListLength"/>].</summary>
        public required ArrayView<TopLogit> Joined;

        public required int Parts;
        public required int JoinedParts;

        /// <summary>A power of two, at least the logits in as many lists as are joined, at most <see cref="MaxSorted"/>.</summary>
        public required int Sorted;
    }

    /// <summary>Grid: (parts, rows); a group a part.</summary>
    [GpuKernel]
    public static void Part<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<Best> sorted = SharedMemory.Allocate<Best>(MaxSorted);
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int begin = Grid.IdxX * p.PartWidth;
        long row = p.X.Row(Grid.IdxY);
        for (int i = Group.IdxX; i < p.Sorted; i += TPlatform.GroupSize)
        {
            Best entry = ArgMax.Last();
            if (i < p.PartWidth && begin + i < p.Width)
            {
                entry = new() { Key = ArgMax.Key(p.X.Data[row + begin + i]), Column = begin + i };
            }

            sorted[i] = entry;
        }

        Sort<TPlatform>(sorted, p.Sorted);
        Write<TPlatform>(
            sorted, p.Sorted, p.InverseTemperatures[Grid.IdxY], 0f, p.Lists, Grid.IdxY * (long)p.Parts + Grid.IdxX, scratch);
    }

    /// <summary>Grid: (joined parts, rows); a group a list that comes of others.</summary>
    [GpuKernel]
    public static void Join<TPlatform>(JoinParameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<Best> sorted = SharedMemory.Allocate<Best>(MaxSorted);
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int first = Grid.IdxX * MaxLists;
        int lists = p.Parts - first < MaxLists ? p.Parts - first : MaxLists;
        long from = (Grid.IdxY * (long)p.Parts + first) * TopLogit.ListLength;
        for (int i = Group.IdxX; i < p.Sorted; i += TPlatform.GroupSize)
        {
            int list = i >> TopLogit.CountShift;
            Best entry = ArgMax.Last();
            if (list < lists)
            {
                TopLogit top = p.Lists[from + list * TopLogit.ListLength + (i & (TopLogit.Count - 1))];
                entry = new() { Key = ArgMax.Key(top.Logit), Column = top.Token };
            }

            sorted[i] = entry;
        }

        Sort<TPlatform>(sorted, p.Sorted);
        float inverse = p.InverseTemperatures[Grid.IdxY];
        float max = ArgMax.Value(sorted[0].Key);
        float rest = 0f;
        for (int list = Group.IdxX; list < lists; list += TPlatform.GroupSize)
        {
            long at = from + list * TopLogit.ListLength;
            rest += p.Lists[at + TopLogit.Count].Logit * Weight(p.Lists[at].Logit, max, inverse);
        }

        Write<TPlatform>(sorted, p.Sorted, inverse, rest, p.Joined, Grid.IdxY * (long)p.JoinedParts + Grid.IdxX, scratch);
    }

    /// <summary>Sorts by descending key, then ascending column; to be called by all threads of a group, which see the result.</summary>
    private static void Sort<TPlatform>(ArrayView<Best> sorted, int count)
        where TPlatform : struct, IPlatform
    {
        for (int length = 2; length <= count; length <<= 1)
        {
            for (int stride = length >> 1; stride > 0; stride >>= 1)
            {
                Group.Barrier();
                for (int pair = Group.IdxX; pair < count >> 1; pair += TPlatform.GroupSize)
                {
                    int low = (pair << 1) - (pair & (stride - 1));
                    Best a = sorted[low];
                    Best b = sorted[low + stride];
                    Best first = BestOf.Combine(a, b);
                    Best second = a;
                    if (first.Column == a.Column)
                    {
                        second = b;
                    }

                    // Every other run is sorted the other way round, so that two neighbours make a bitonic sequence.
                    if ((low & length) == 0)
                    {
                        sorted[low] = first;
                        sorted[low + stride] = second;
                    }
                    else
                    {
                        sorted[low] = second;
                        sorted[low + stride] = first;
                    }
                }
            }
        }

        Group.Barrier();
    }

    /// <summary>Writes the list of what is sorted; to be called by all threads of a group.</summary>
    /// <param name="rest">A thread's part of what was summed already.</param>
    private static void Write<TPlatform>(
        ArrayView<Best> sorted, int count, float inverse, float rest, ArrayView<TopLogit> lists, long list, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        float max = ArgMax.Value(sorted[0].Key);
        float sum = rest;
        for (int i = TopLogit.Count + Group.IdxX; i < count; i += TPlatform.GroupSize)
        {
            sum += Weight(ArgMax.Value(sorted[i].Key), max, inverse);
        }

        float total = GroupReduce.All<float, Sum, TPlatform>(sum, scratch);
        long at = list * TopLogit.ListLength;
        for (int i = Group.IdxX; i < TopLogit.Count; i += TPlatform.GroupSize)
        {
            Best best = sorted[i];
            lists[at + i] = new() { Logit = ArgMax.Value(best.Key), Token = best.Column };
        }

        if (Group.IdxX == 0)
        {
            lists[at + TopLogit.Count] = new() { Logit = total, Token = int.MaxValue };
        }
    }

    /// <summary>exp((logit - max) / T); 0 where that is not a number.</summary>
    private static float Weight(float logit, float max, float inverse) => Exponential.OfDifference((logit - max) * inverse, 0f);
}
