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
        public required int AlignedKv;

        /// <summary>1 where row t of Cache is the token's own, which <see cref="StoreCache"/> takes to the cache.</summary>
        public required int Staged;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        Append<TPlatform>(p, Grid.IdxX, scratch);
    }

    /// <summary>Appends a token's row; to be called by all threads of a group.</summary>
    public static void Append<TPlatform>(Parameters p, int token, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        int position = p.Tokens.Position(token);
        long kv = p.Kv.Row(token);
        long cache = p.Cache.Row(p.Staged == 1 ? token : p.Tokens.CacheRow(token, position));
        RmsNorm.Normalize<TPlatform>(p.Kv.Data, kv, p.NormWeight, p.Epsilon, p.Cache.Data, cache, p.LatentWidth, p.AlignedKv, scratch);

        long angles = (long)position * p.RopeWidth;
        for (int i = Group.IdxX << 1; i < p.RopeWidth; i += TPlatform.GroupSize << 1)
        {
            int column = p.LatentWidth + i;
            Rope.Rotate(p.Kv.Data, kv + column, p.Rope, angles + i, p.Cache.Data, cache + column);
        }
    }
}
