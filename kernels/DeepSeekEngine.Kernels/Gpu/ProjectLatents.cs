using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// heads[t, h] = context[t, h] Wv_h^T, Wv_h = kv_b[h * (n + v) + n .. + v, :]; context [tokens, H * c], heads [tokens, H * v].
/// Grid: (v, ceil(tokens / TokenTile), H); a group an element of a head for a tile of tokens.
/// </summary>
internal static class ProjectLatents
{
    public struct Parameters
    {
        public required RowView Context;
        public required WeightView KvB;
        public required RowView Heads;
        public required MlaSizes Sizes;
        public required int Tokens;
    }

    [GpuKernel]
    public static void Run<TWeight, TPlatform>(Parameters p)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        ArrayView<Float4> scratch = SharedMemory.Allocate<Float4>(TPlatform.GroupSize);
        int element = Grid.IdxX;
        int token = Grid.IdxY * WeightView.TokenTile;
        int head = Grid.IdxZ;
        int row = head * (p.Sizes.Nope + p.Sizes.Value) + p.Sizes.Nope + element;
        RowView context = p.Context;
        context.Offset += head * p.Sizes.Latent;
        Float4 partial = p.KvB.Dot<TWeight, TPlatform>(row, context, token, p.Tokens - token);
        Float4 sum = GroupReduce.All<Float4, Sum4, TPlatform>(partial, scratch);
        for (int i = Group.IdxX; i < WeightView.TokenTile; i += TPlatform.GroupSize)
        {
            if (token + i < p.Tokens)
            {
                p.Heads.Data[p.Heads.Row(token + i) + head * p.Sizes.Value + element] = sum.At(i);
            }
        }
    }
}
