using System.Numerics;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>The choice of tokens.</content>
internal sealed partial class IlgpuBackend
{
    /// <summary>Columns that are worth a group.</summary>
    private const int MinPartWidth = 1024;

    private readonly LoadedKernel<ArgMax.Parameters> argMax;
    private readonly LoadedKernel<ArgMax.JoinParameters> joinArgMax;
    private readonly LoadedKernel<TopLogits.Parameters> topLogits;
    private readonly LoadedKernel<TopLogits.JoinParameters> joinTopLogits;
    private MemoryBuffer1D<Best, Stride1D.Dense>? bests;
    private MemoryBuffer1D<TopLogit, Stride1D.Dense>? lists1;
    private MemoryBuffer1D<TopLogit, Stride1D.Dense>? lists2;

    public void ArgMax(Activations x, DeviceArray<int> columns, int count)
    {
        if (!Any(count))
        {
            return;
        }

        RowView rows = Rows(x, count, x.Width);
        ArrayView<int> results = View(columns, count);
        int parts = Math.Clamp(x.Width / MinPartWidth, 1, Kernels.Gpu.ArgMax.MaxParts);
        ArrayView<Best> partial = Room(ref bests, (long)count * Kernels.Gpu.ArgMax.MaxParts);
        argMax.Launch(parts, count, 1, new()
        {
            X = rows,
            Bests = partial,
            Width = x.Width,
            Parts = parts,
            PartWidth = (x.Width + parts - 1) / parts,
        });
        joinArgMax.Launch(count, 1, 1, new() { Bests = partial, Columns = results, Parts = parts });
    }

    public bool TryListTop(Activations x, DeviceArray<float> inverseTemperatures, DeviceArray<TopLogit> lists, int count)
    {
        // Shorter rows are no more to copy than their lists.
        if (x.Width * (long)sizeof(float) <= TopLogit.ListLength * 8L)
        {
            return false;
        }

        if (!Any(count))
        {
            return true;
        }

        RowView rows = Rows(x, count, x.Width);
        ArrayView<float> inverse = View(inverseTemperatures, count);
        ArrayView<TopLogit> result = View(lists, (long)count * TopLogit.ListLength);
        int parts = (x.Width + MinPartWidth - 1) / MinPartWidth;

        // The lists of the parts, and those they are joined into: each time what the other was made of is free again.
        ArrayView<TopLogit> from = parts == 1 ? result : Room(ref lists1, (long)count * parts * TopLogit.ListLength);
        ArrayView<TopLogit> other = Room(ref lists2, (long)count * PartsJoined(parts) * TopLogit.ListLength);
        topLogits.Launch(parts, count, 1, new()
        {
            X = rows,
            InverseTemperatures = inverse,
            Lists = from,
            Width = x.Width,
            Parts = parts,
            PartWidth = MinPartWidth,
            Sorted = Sorted(Math.Min(x.Width, MinPartWidth)),
        });
        while (parts > 1)
        {
            int joined = PartsJoined(parts);
            ArrayView<TopLogit> to = joined == 1 ? result : other;
            joinTopLogits.Launch(joined, count, 1, new()
            {
                Lists = from,
                InverseTemperatures = inverse,
                Joined = to,
                Parts = parts,
                JoinedParts = joined,
                Sorted = Sorted(Math.Min(parts, TopLogits.MaxLists) * TopLogit.Count),
            });
            (from, other, parts) = (to, from, joined);
        }

        return true;
    }

    private static int PartsJoined(int parts) => (parts + TopLogits.MaxLists - 1) / TopLogits.MaxLists;

    private static int Sorted(int logits) => (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(logits, TopLogit.Count));
}
