using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[i] = the values of the cache row of position Start + i of the sequence of token 0.
/// Grid: (ceil(width / GroupSize), positions); a thread an element.
/// </summary>
internal static class GatherCache
{
    public struct Parameters
    {
        public required CacheView Cache;
        public required TokenView Tokens;
        public required int Start;
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
            long cache = p.Cache.Rows.Row(p.Tokens.CacheRow(0, p.Start + row));
            int head = column / p.Cache.RowHead;
            p.Y.Data[p.Y.Row(row) + column] = p.Cache.Value(cache, head, column - head * p.Cache.RowHead);
        }
    }
}
