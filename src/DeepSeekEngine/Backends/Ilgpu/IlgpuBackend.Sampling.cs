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
    private MemoryBuffer1D<Best, Stride1D.Dense>? bests;

    public void ArgMax(Activations x, DeviceArray<int> columns, int count)
    {
        if (!Any(count))
        {
            return;
        }

        RowView rows = Rows(x, count, x.Width);
        ArrayView<int> results = View(columns, count);
        int parts = Math.Clamp(x.Width / MinPartWidth, 1, Kernels.Gpu.ArgMax.MaxParts);
        ArrayView<Best> partial = BestsOf(count);
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

    private ArrayView<Best> BestsOf(int rows)
    {
        long length = (long)rows * Kernels.Gpu.ArgMax.MaxParts;
        if (bests is null || bests.Length < length)
        {
            var larger = AllocateBuffer<Best>(length);
            if (bests is not null)
            {
                Stream.Synchronize();
                Release(bests);
            }

            bests = larger;
        }

        return bests.View.BaseView;
    }
}
