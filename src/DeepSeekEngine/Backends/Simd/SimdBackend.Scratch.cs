using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

internal sealed unsafe partial class SimdBackend
{
    /// <summary>Bytes of the backend's own buffers once it has computed the largest step of a model.</summary>
    /// <param name="cached">How the cache is laid out for the model's attention to it where it lies.</param>
    /// <param name="expanded">The model's attention to tiles of keys and values.</param>
    /// <param name="router">The router of its MoE layers; null if it has none.</param>
    /// <param name="tokens">Tokens in a step.</param>
    /// <param name="cachedRows">Tokens <see cref="CachedAttention"/> is given at once.</param>
    /// <param name="contextLength">Positions a sequence may have.</param>
    /// <param name="workers">Threads that compute.</param>
    /// <param name="packedColumns">Columns of the widest packed matrix that is no expert's; 0 if none is packed.</param>
    /// <param name="packedExpertColumns">Columns of the widest packed matrix of an expert; 0 if none is packed.</param>
    public static long ScratchBytes(
        in CacheLayout cached, in AttentionShape expanded, in RouterShape? router, int tokens, int cachedRows, int contextLength,
        int workers, int packedColumns, int packedExpertColumns)
    {
        var (experts, pairs) = router is { } shape ? (shape.Experts, (long)tokens * shape.ExpertsPerToken) : (0, 0);
        var worker = Math.Max(
            Math.Max(AbsorbQueriesJob.ScratchBytes, LinearJob.ScratchBytes),
            Math.Max(CachedAttentionJob.ScratchBytes(cached), ExpandedAttentionJob.ScratchBytes(expanded)));
        if (router is { } routed)
        {
            worker = Math.Max(worker, SelectExpertsJob.ScratchBytes(routed));
            worker = Math.Max(worker, Math.Max(ExpertGateUpJob.ScratchBytes, ExpertDownJob.ScratchBytes(pairs)));
        }

        return checked((WholePages(worker) * workers)
            + (experts > 0 ? ExpertGroups.ByteLength(experts, pairs) : 0)
            + LargestSplits(cached.Shape, Math.Min(tokens, cachedRows), contextLength)
            + Math.Max(QuantizedRows.ByteLength(tokens, packedColumns), QuantizedRows.ByteLength(pairs, packedExpertColumns)));
    }

    /// <summary>A multiple of a page, so that workers share none.</summary>
    private static long WholePages(long byteLength) => (byteLength + 4095) & ~4095L;

    /// <summary>What <see cref="splits"/> holds where every token sees the whole context.</summary>
    private static long LargestSplits(in AttentionShape shape, int tokens, int contextLength)
    {
        var each = AttentionSplits.CountAt(contextLength - 1);
        var group = 1;
        while (group < tokens && AttentionSplits.ByteLength(shape, group + 1, checked((group + 1) * each)) <= SplitBytes)
        {
            group++;
        }

        return AttentionSplits.ByteLength(shape, group, checked(group * each));
    }
}
