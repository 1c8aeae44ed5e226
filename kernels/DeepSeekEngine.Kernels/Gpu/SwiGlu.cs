using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// y[t, j] = silu(gate[t, j]) * up[t, j], silu(g) = g / (1 + exp(-g)) (Shazeer 2020, arXiv:2002.05202). y may be gate.
/// Grid: (ceil(width / GroupSize), tokens); a thread an element.
/// </summary>
internal static class SwiGlu
{
    public struct Parameters
    {
        public required RowView Gate;
        public required RowView Up;
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
            float gate = p.Gate.Data[p.Gate.Row(token) + column];
            p.Y.Data[p.Y.Row(token) + column] = Apply(gate, p.Up.Data[p.Up.Row(token) + column]);
        }
    }

    /// <summary>Writes what <see cref="PanelProduct"/> left of a panel of gate_proj and up_proj to a tile's rows of y.</summary>
    public static void Store<TPlatform>(
        ArrayView<Float4> gates, ArrayView<Float4> ups, RowView y, SlotTile tile, int panel, int rows)
        where TPlatform : struct, IPlatform
    {
        for (int i = Group.IdxX; i < PackedLayout.PanelRows * WeightView.TokenTile; i += TPlatform.GroupSize)
        {
            int row = (panel << 4) + (i & 15);
            if (i >> 4 < tile.Count && row < rows)
            {
                int at = (i & 15) * (TPlatform.GroupSize >> 2);
                y.Data[y.Row(tile.Slot(i >> 4)) + row] = Apply(gates[at].At(i >> 4), ups[at].At(i >> 4));
            }
        }
    }

    public static float Apply(float gate, float up) => gate / (1f + XMath.Exp(-gate)) * up;
}
