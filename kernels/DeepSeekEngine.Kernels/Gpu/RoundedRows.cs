using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Rows of bfloat16 for <see cref="MmaTile"/>, eight columns a word; columns are filled up with zeros to whole steps.
/// </summary>
internal struct RoundedRows
{
    public required ArrayView<Quad> Data;

    /// <summary>16-byte words a row.</summary>
    public required int Pitch;

    /// <summary>The 16-byte words of a row of so many columns.</summary>
    public static int PitchOf(int columns) => (columns + MmaTile.StepColumns - 1) >> MmaTile.StepShift << MmaTile.RowShift;
}

/// <summary>
/// y[t] = x[t] rounded to bfloat16, to the nearest, ties to even. Grid: (rows, ceil(pitch / GroupSize)); a thread a word.
/// </summary>
internal static class RoundRows
{
    public struct Parameters
    {
        public required RowView X;
        public required RoundedRows Y;
        public required int Width;
    }

    [GpuKernel(TensorCores = true)]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        int word = Grid.IdxY * TPlatform.GroupSize + Group.IdxX;
        int row = Grid.IdxX;
        if (word < p.Y.Pitch)
        {
            Float4 low = PanelProduct.Load(p.X.Data, p.X.Row(row), word << 3, p.Width);
            Float4 high = PanelProduct.Load(p.X.Data, p.X.Row(row), (word << 3) + 4, p.Width);
            p.Y.Data[(long)row * p.Y.Pitch + word] = new Quad
            {
                X = BFloat16Pairs.Round(low.X, low.Y),
                Y = BFloat16Pairs.Round(low.Z, low.W),
                Z = BFloat16Pairs.Round(high.X, high.Y),
                W = BFloat16Pairs.Round(high.Z, high.W),
            };
        }
    }
}
