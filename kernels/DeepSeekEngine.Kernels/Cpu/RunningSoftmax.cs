using System.Numerics.Tensors;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Softmax over scores that arrive block by block (Milakov and Gimelshein, 2018).</summary>
internal static unsafe class RunningSoftmax
{
    /// <summary>
    /// Replaces the scores s_j of a block by p_j = exp(scale * s_j - maximum), the maximum over all blocks so far, and adds them to
    /// the sum. Returns what everything weighted by earlier blocks must be multiplied by, exp(old maximum - maximum).
    /// </summary>
    public static float Update<TLanes>(float* scores, int count, float scale, ref float maximum, ref float sum)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var block = new Span<float>(scores, count);
        TensorPrimitives.Multiply(block, scale, block);
        float newMaximum = Math.Max(maximum, TensorPrimitives.Max<float>(block));
        float decay = MathF.Exp(maximum - newMaximum);
        TLanes shift = TLanes.Broadcast(-newMaximum);
        TLanes total = default;
        int k = 0;
        for (; k + TLanes.Count <= count; k += TLanes.Count)
        {
            TLanes weight = TLanes.Exp(TLanes.Load(scores + k) + shift);
            TLanes.Store(weight, scores + k);
            total += weight;
        }

        if (k < count)
        {
            PartialLanes.Store(TLanes.Exp(PartialLanes.Load<TLanes>(scores + k, count - k) + shift), scores + k, count - k);
            total += PartialLanes.Load<TLanes>(scores + k, count - k);
        }

        maximum = newMaximum;
        sum = sum * decay + TLanes.Sum(total);
        return decay;
    }
}
