using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t, j] = x[rows[t], j]. Grid: (ceil(width / GroupSize), rows); a thread an element.
/// </summary>
internal static class GatherRows
{
    public struct Parameters
    {
        public required RowView X;
        public required ArrayView<int> Rows;
        public required RowView Y;
        public required int Width;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        int column = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int row = Grid.IdxY;
        if (column < p.Width)
        {
            p.Y.Data[p.Y.Row(row) + column] = p.X.Data[p.X.Row(p.Rows[row]) + column];
        }
    }
}
