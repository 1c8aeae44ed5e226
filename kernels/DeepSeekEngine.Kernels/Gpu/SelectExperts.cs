using ILGPU;
using ILGPU.Algorithms;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Chooses experts from router logits z [tokens, E] (DeepSeek-V3, arXiv:2412.19437, section 2.1.2; group limits: DeepSeek-V2, section
/// 2.2.3).
/// p = sigmoid(z) or softmax(z); the selection score is p, plus the bias where there is one; a group's score is its largest selection score
/// or the sum of its two largest; within the GroupsKept best groups the k largest selection scores are chosen, in descending order, ties
/// going to the lower id. The weights are the chosen p, divided by their sum + 1e-20 if Normalize, times Scale.
/// A score that is not a number counts as the smallest, so the ids are valid whatever the logits.
/// Grid: (tokens); a group a token.
/// </summary>
internal static class SelectExperts
{
    /// <summary>Experts and chosen experts a token at most: their scores are held in shared memory.</summary>
    public const int MaxExperts = 1024;

    public struct Parameters
    {
        public required RowView Logits;
        public required ArrayView<float> Bias;
        public required ArrayView<int> Ids;
        public required RowView Weights;
        public required int Experts;
        public required int Chosen;
        public required int Groups;
        public required int GroupsKept;
        public required int Sigmoid;
        public required int HasBias;

        /// <summary>1 where a group's score is the sum of its two largest, 0 where it is its largest.</summary>
        public required int SumOfTwo;

        public required int Normalize;
        public required float Scale;
    }

    [GpuKernel]
    public static void Run<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(TPlatform.GroupSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MaxExperts);
        ArrayView<float> choices = SharedMemory.Allocate<float>(MaxExperts);
        ArrayView<float> groups = SharedMemory.Allocate<float>(MaxExperts);
        ArrayView<int> kept = SharedMemory.Allocate<int>(MaxExperts);
        ArrayView<float> chosen = SharedMemory.Allocate<float>(MaxExperts);
        int token = Grid.IdxX;
        int groupWidth = p.Experts / p.Groups;

        Score<TPlatform>(p, p.Logits.Row(token), scores, choices, scratch);
        Group.Barrier();
        for (int group = Group.IdxX; group < p.Groups; group += TPlatform.GroupSize)
        {
            groups[group] = GroupScore(choices, group * groupWidth, groupWidth, p.SumOfTwo);
        }

        Group.Barrier();
        for (int group = Group.IdxX; group < p.Groups; group += TPlatform.GroupSize)
        {
            kept[group] = 0;
            if (CountBefore(groups, 0, p.Groups, group) < p.GroupsKept)
            {
                kept[group] = 1;
            }
        }

        Group.Barrier();
        for (int expert = Group.IdxX; expert < p.Experts; expert += TPlatform.GroupSize)
        {
            if (kept[expert / groupWidth] == 1)
            {
                int rank = 0;
                for (int group = 0; group < p.Groups; group++)
                {
                    if (kept[group] == 1)
                    {
                        rank += CountBefore(choices, group * groupWidth, groupWidth, expert);
                    }
                }

                if (rank < p.Chosen)
                {
                    p.Ids[(long)token * p.Chosen + rank] = expert;
                    chosen[rank] = scores[expert];
                }
            }
        }

        Group.Barrier();
        float sum = 0f;
        for (int i = 0; i < p.Chosen; i++)
        {
            sum += chosen[i];
        }

        float divisor = p.Normalize == 0 ? 1f : sum + 1e-20f;
        for (int i = Group.IdxX; i < p.Chosen; i += TPlatform.GroupSize)
        {
            p.Weights.Data[p.Weights.Row(token) + i] = chosen[i] / divisor * p.Scale;
        }
    }

    private static void Score<TPlatform>(
        Parameters p, long logits, ArrayView<float> scores, ArrayView<float> choices, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        float maximum = 0f;
        float sum = 1f;
        if (p.Sigmoid == 0)
        {
            float largest = float.NegativeInfinity;
            for (int expert = Group.IdxX; expert < p.Experts; expert += TPlatform.GroupSize)
            {
                largest = Maximum.Combine(largest, p.Logits.Data[logits + expert]);
            }

            maximum = GroupReduce.All<float, Maximum, TPlatform>(largest, scratch);
            float partial = 0f;
            for (int expert = Group.IdxX; expert < p.Experts; expert += TPlatform.GroupSize)
            {
                partial += Exponential.OfDifference(p.Logits.Data[logits + expert], maximum);
            }

            sum = GroupReduce.All<float, Sum, TPlatform>(partial, scratch);
        }

        for (int expert = Group.IdxX; expert < p.Experts; expert += TPlatform.GroupSize)
        {
            float logit = p.Logits.Data[logits + expert];
            float score = p.Sigmoid == 0 ? Exponential.OfDifference(logit, maximum) / sum : 1f / (1f + XMath.Exp(-logit));
            float choice = p.HasBias == 0 ? score : score + p.Bias[expert];
            scores[expert] = score;
            choices[expert] = Maximum.Combine(choice, float.NegativeInfinity);
        }
    }

    private static float GroupScore(ArrayView<float> choices, int first, int width, int sumOfTwo)
    {
        float best = choices[first];
        float second = float.NegativeInfinity;
        for (int i = 1; i < width; i++)
        {
            float choice = choices[first + i];
            second = Maximum.Combine(second, choice < best ? choice : best);
            best = Maximum.Combine(best, choice);
        }

        return sumOfTwo == 1 && width > 1 ? best + second : best;
    }

    /// <summary>How many of a range come before entry <paramref name="index"/> in descending order, ties by index.</summary>
    private static int CountBefore(ArrayView<float> values, int first, int count, int index)
    {
        float value = values[index];
        int before = 0;
        for (int i = first; i < first + count; i++)
        {
            if (values[i] > value || (values[i] == value && i < index))
            {
                before++;
            }
        }

        return before;
    }
}
