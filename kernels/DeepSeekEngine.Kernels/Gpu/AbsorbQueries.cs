using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// absorbed[t, h] = [q_nope[t, h] Wk_h, q_pe[t, h]], Wk_h = kv_b[h * (n + v) .. + n, :] (DeepSeek-V2, arXiv:2405.04434, section 2.1.2),
/// q_pe being rotated by the token's position on the way (<see cref="Gpu.Rope"/>) with Rotate = 1;
/// q [tokens, H * (n + r)], absorbed [tokens, H * (c + r)].
/// Grid: (ceil((c + r) / GroupSize), tokens, H); a thread an element.
/// </summary>
internal static class AbsorbQueries
{
    public struct Parameters
    {
        public required RowView Q;
        public required WeightView KvB;
        public required RowView Absorbed;
        public required MlaSizes Sizes;

        /// <summary>Read with Rotate = 1 alone, as the tokens are.</summary>
        public required ArrayView<float> Rope;

        public required TokenView Tokens;
        public required int Rotate;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        int column = Grid.IdxX * TPlatform.GroupSize + Group.IdxX;
        int token = Grid.IdxY;
        int head = Grid.IdxZ;
        int latent = p.Sizes.Latent;
        if (column < latent + p.Sizes.Rope)
        {
            long query = p.Q.Row(token) + head * (p.Sizes.Nope + p.Sizes.Rope);
            float value = 0f;
            if (column < latent)
            {
                // Four sums: more products under way at a time, and short chains round less.
                int key = head * (p.Sizes.Nope + p.Sizes.Value);
                Float4 sums = default;
                int i = 0;
                for (; i + 4 <= p.Sizes.Nope; i += 4)
                {
                    sums.X = Fused.MultiplyAdd(p.Q.Data[query + i], p.KvB.At<TWeight>(key + i, column), sums.X);
                    sums.Y = Fused.MultiplyAdd(p.Q.Data[query + i + 1], p.KvB.At<TWeight>(key + i + 1, column), sums.Y);
                    sums.Z = Fused.MultiplyAdd(p.Q.Data[query + i + 2], p.KvB.At<TWeight>(key + i + 2, column), sums.Z);
                    sums.W = Fused.MultiplyAdd(p.Q.Data[query + i + 3], p.KvB.At<TWeight>(key + i + 3, column), sums.W);
                }

                for (; i < p.Sizes.Nope; i++)
                {
                    sums.X = Fused.MultiplyAdd(p.Q.Data[query + i], p.KvB.At<TWeight>(key + i, column), sums.X);
                }

                value = sums.X + sums.Y + (sums.Z + sums.W);
            }
            else
            {
                int element = column - latent;
                long at = query + p.Sizes.Nope + element;
                value = p.Q.Data[at];
                if (p.Rotate == 1)
                {
                    long angle = (long)p.Tokens.Position(token) * p.Sizes.Rope + (element & ~1);
                    value = Rope.Rotated(p.Q.Data, at - (element & 1), p.Rope, angle, element & 1);
                }
            }

            p.Absorbed.Data[p.Absorbed.Row(token) + head * (latent + p.Sizes.Rope) + column] = value;
        }
    }
}
