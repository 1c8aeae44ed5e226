using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>The running maximum m of the scores and the running sum l of exp(s - m); the same in all threads of a group.</summary>
internal struct SoftmaxState
{
    public float Maximum;
    public float Sum;
}

/// <summary>
/// Softmax-weighted sums of rows, a tile of GroupSize positions at a time, in memory that does not depend on the length of the context
/// (Milakov and Gimelshein 2018, arXiv:1805.02867). Thread j of a group owns position j of the tile for scores, and columns j,
/// j + GroupSize, ... for values.
/// </summary>
internal static class OnlineSoftmax
{
    public static SoftmaxState Empty => new() { Maximum = float.NegativeInfinity };

    /// <summary>
    /// Four sums side by side: the scores of a long context are made of many terms, and one sum would round too often, besides waiting
    /// for itself.
    /// </summary>
    public static float Dot(ArrayView<float> xs, long x, ArrayView<float> ys, long y, int width)
    {
        Float4 sums = default;
        int whole = width & ~3;
        for (int i = 0; i < whole; i += 4)
        {
            sums.X += xs[x + i] * ys[y + i];
            sums.Y += xs[x + i + 1] * ys[y + i + 1];
            sums.Z += xs[x + i + 2] * ys[y + i + 2];
            sums.W += xs[x + i + 3] * ys[y + i + 3];
        }

        float rest = 0f;
        for (int i = whole; i < width; i++)
        {
            rest += xs[x + i] * ys[y + i];
        }

        return (sums.X + sums.Y) + (sums.Z + sums.W) + rest;
    }

    /// <summary>
    /// Takes a tile's scores (-infinity where a position is not seen; at least one is) and values into the running state:
    /// output = output * exp(m - m') + sum_j exp(s_j - m') values[rows[j]]. Calls with <paramref name="empty"/> = 1 ignore what output
    /// holds.
    /// </summary>
    /// <param name="row">The element at which the values of this thread's position begin.</param>
    /// <param name="weights">GroupSize elements of shared memory, as are <paramref name="rows"/> and <paramref name="scratch"/>.</param>
    public static SoftmaxState Accumulate<TPlatform>(
        SoftmaxState state, int empty, float score, long row, int tile,
        ArrayView<float> values, int width, ArrayView<float> output, long at,
        ArrayView<float> weights, ArrayView<long> rows, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        int thread = Group.IdxX;
        float tileMaximum = GroupReduce.All<float, Maximum, TPlatform>(score, scratch);
        float maximum = Maximum.Combine(state.Maximum, tileMaximum);
        float correction = XMath.Exp(state.Maximum - maximum);
        float weight = XMath.Exp(score - maximum);
        weights[thread] = weight;
        rows[thread] = row;
        float sum = state.Sum * correction + GroupReduce.All<float, Sum, TPlatform>(weight, scratch);

        for (int column = thread; column < width; column += TPlatform.GroupSize)
        {
            Float4 sums = default;
            int whole = tile & ~3;
            for (int j = 0; j < whole; j += 4)
            {
                sums.X = Fused.MultiplyAdd(weights[j], values[rows[j] + column], sums.X);
                sums.Y += weights[j + 1] * values[rows[j + 1] + column];
                sums.Z += weights[j + 2] * values[rows[j + 2] + column];
                sums.W += weights[j + 3] * values[rows[j + 3] + column];
            }

            float rest = 0f;
            for (int j = whole; j < tile; j++)
            {
                rest = Fused.MultiplyAdd(weights[j], values[rows[j] + column], rest);
            }

            float total = (sums.X + sums.Y) + (sums.Z + sums.W) + rest;
            output[at + column] = empty == 0 ? Fused.MultiplyAdd(output[at + column], correction, total) : total;
        }

        // The next tile overwrites weights and rows.
        Group.Barrier();
        return new SoftmaxState { Maximum = maximum, Sum = sum };
    }

    /// <summary>output / l.</summary>
    public static void Normalize<TPlatform>(SoftmaxState state, int width, ArrayView<float> output, long at)
        where TPlatform : struct, IPlatform
    {
        for (int column = Group.IdxX; column < width; column += TPlatform.GroupSize)
        {
            output[at + column] /= state.Sum;
        }
    }
}
