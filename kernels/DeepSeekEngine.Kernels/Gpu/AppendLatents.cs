using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// cache[row(t)] = [RMSNorm(kv[t, :c]), rope(kv[t, c:])], row(t) the cache row of the token's position in its sequence; kv [tokens, c + r].
/// Grid: (tokens); a group a token.
/// </summary>
internal static class AppendLatents
{
    public struct Parameters
    {
        public required RowView Kv;
        public required ArrayView<float> NormWeight;
        public required float Epsilon;
        public required ArrayView<float> Rope;
        public required TokenView Tokens;
        public required RowView Cache;
        public required int LatentWidth;
        public required int RopeWidth;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxX;
        int position = p.Tokens.Position(token);
        long kv = p.Kv.Row(token);
        long cache = p.Cache.Row(p.Tokens.CacheRow(token, position));
        RmsNorm.Normalize<TPlatform>(p.Kv.Data, kv, p.NormWeight, p.Epsilon, p.Cache.Data, cache, p.LatentWidth, scratch);

        long angles = (long)position * p.RopeWidth;
        for (int i = Group.IdxX << 1; i < p.RopeWidth; i += TPlatform.GroupSize << 1)
        {
            int column = p.LatentWidth + i;
            Rope.Rotate(p.Kv.Data, kv + column, p.Rope, angles + i, p.Cache.Data, cache + column);
        }
    }
}
