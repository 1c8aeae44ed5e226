using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Rotates, in place, the last r values of each head of q [tokens, H * (n + r)] by the token's position (<see cref="Gpu.Rope"/>).
/// Grid: (ceil(H * r / 2 / GroupSize), tokens); a thread a pair.
/// </summary>
internal static class RotateQueries
{
    public struct Parameters
    {
        public required RowView Q;
        public required ArrayView<float> Rope;
        public required TokenView Tokens;
        public required MlaSizes Sizes;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        int pair = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int token = Grid.IdxY;
        int pairs = p.Sizes.Rope >> 1;
        if (pair < p.Sizes.Heads * pairs)
        {
            int head = pair / pairs;
            int column = (pair - head * pairs) << 1;
            long at = p.Q.Row(token) + head * (p.Sizes.Nope + p.Sizes.Rope) + p.Sizes.Nope + column;
            Rope.Rotate(p.Q.Data, at, p.Rope, (long)p.Tokens.Position(token) * p.Sizes.Rope + column, p.Q.Data, at);
        }
    }
}
