using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// cache[row(t)] = rows[t] as a cache of bfloat16 or int8 keeps it, row(t) the cache row of the token's position in its sequence; rows
/// [tokens, row] of float32. Grid: (key-value heads, tokens); of int8 a group a head's part, the scale of either piece its largest
/// magnitude / 127. A thread writes whole words, so that no two write to one.
/// </summary>
internal static class StoreCache
{
    public struct Parameters
    {
        public required RowView Rows;
        public required TokenView Tokens;
        public required CacheView Cache;
        public required AttentionSizes Sizes;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        int token = Grid.IdxY;
        long from = p.Rows.Row(token);
        long row = p.Cache.Rows.Row(p.Tokens.CacheRow(token, p.Tokens.Position(token)));
        if (p.Cache.Precision == (int)CachePrecision.BFloat16)
        {
            int width = p.Sizes.KeyValueHeads * p.Cache.RowHead;
            for (int i = (Grid.IdxX * TPlatform.GroupSize + Group.IdxX) << 1; i < width; i += p.Sizes.KeyValueHeads * (TPlatform.GroupSize << 1))
            {
                float high = i + 1 < width ? p.Rows.Data[from + i + 1] : 0f;
                p.Cache.Rows.Data[row + (i >> 1)] = Interop.IntAsFloat(BFloat16Pairs.Round(p.Rows.Data[from + i], high));
            }

            return;
        }

        from += (long)Grid.IdxX * p.Cache.RowHead;
        long part = row + (long)Grid.IdxX * p.Cache.PartLength;

        // Behind a key there may be nothing before its value.
        int firstEnd = p.Sizes.Key < p.Cache.FirstPiece ? p.Sizes.Key : p.Cache.FirstPiece;
        float first = Largest<TPlatform>(p.Rows.Data, from, 0, firstEnd, scratch);
        float second = Largest<TPlatform>(p.Rows.Data, from, p.Cache.FirstPiece, p.Cache.RowHead, scratch);
        float firstInverse = Inverse(first);
        float secondInverse = Inverse(second);
        for (int word = Group.IdxX; word < p.Cache.PartLength - CacheLayout.Scales; word += TPlatform.GroupSize)
        {
            uint bytes = 0u;
            for (int lane = 0; lane < 4; lane++)
            {
                int column = (word << 2) + lane;
                if (column < p.Cache.RowHead)
                {
                    float inverse = column < p.Cache.FirstPiece ? firstInverse : secondInverse;
                    bytes |= Nearest(p.Rows.Data[from + column], inverse) << (lane << 3);
                }
            }

            p.Cache.Rows.Data[part + CacheLayout.Scales + word] = Interop.IntAsFloat(bytes);
        }

        if (Group.IdxX == 0)
        {
            p.Cache.Rows.Data[part] = ScaleOf(first);
            p.Cache.Rows.Data[part + 1] = ScaleOf(second);
        }
    }

    private static float Largest<TPlatform>(ArrayView<float> values, long from, int start, int end, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        float largest = 0f;
        for (int i = start + Group.IdxX; i < end; i += TPlatform.GroupSize)
        {
            largest = LargestMagnitude.Combine(largest, XMath.Abs(values[from + i]));
        }

        return GroupReduce.All<float, LargestMagnitude, TPlatform>(largest, scratch);
    }

    /// <summary>What values are multiplied with; zero where they are too small for a scale, or one of them is not finite.</summary>
    private static float Inverse(float largest)
        => largest >= Cpu.GroupRounding.Smallest && largest < float.PositiveInfinity ? CacheLayout.LargestByte / largest : 0f;

    /// <summary>The scale; where one of the values is not finite, what nobody takes for a number.</summary>
    private static float ScaleOf(float largest)
    {
        float scale = largest >= Cpu.GroupRounding.Smallest ? largest / CacheLayout.LargestByte : 0f;
        return largest < float.PositiveInfinity ? scale : float.NaN;
    }

    /// <summary>The nearest integer, ties to even, as a byte.</summary>
    private static uint Nearest(float value, float inverse) => inverse > 0f ? Interop.FloatAsInt(value * inverse + 12582912f) & 0xffu : 0u;
}

/// <summary>The larger of magnitudes; if one is not a number, that.</summary>
internal readonly struct LargestMagnitude : IReduction<float>
{
    public static float Combine(float a, float b) => Interop.FloatAsInt(a) > Interop.FloatAsInt(b) ? a : b;
}
