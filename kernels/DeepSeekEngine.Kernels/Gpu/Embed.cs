using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t, j] = table[tokens[t], j]: one row of the embedding table a token, decoded to float32.
/// Grid: (ceil(width / GroupSize), tokens); a thread an element.
/// </summary>
internal static class Embed
{
    public struct Parameters
    {
        public required ArrayView<int> Tokens;
        public required WeightView Table;
        public required RowView Y;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        int column = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int token = Grid.IdxY;
        if (column < p.Table.Columns)
        {
            p.Y.Data[p.Y.Row(token) + column] = p.Table.At<TWeight>(p.Tokens[token], column);
        }
    }
}
