using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>y[t, j] += x[t, j]. Grid: (ceil(width / GroupSize), tokens); a thread an element.</summary>
internal static class Add
{
    public struct Parameters
    {
        public required RowView X;
        public required RowView Y;
        public required int Width;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        int column = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int token = Grid.IdxY;
        if (column < p.Width)
        {
            long y = p.Y.Row(token) + column;
            p.Y.Data[y] = p.Y.Data[y] + p.X.Data[p.X.Row(token) + column];
        }
    }
}
