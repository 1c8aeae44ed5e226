namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Router logits z [count, E] to the k chosen experts and their weights [count, k], in descending order of selection score:
/// <code>
/// p = sigmoid(z) or softmax(z);  c = p + bias (selection only)
/// group score = sum of the two largest c (bias-corrected) or the largest; experts outside the kept groups are out
/// chosen = top k of c, ties to the lower id;  w = p[chosen], / (sum + 1e-20) if normalised, * scale
/// </code>
/// A task is a token.
/// </summary>
internal readonly unsafe struct SelectExpertsJob : IParallelJob
{
    public required Rows Logits { get; init; }

    /// <summary>[E] or null.</summary>
    public required float* Bias { get; init; }

    public required RouterShape Shape { get; init; }

    /// <summary>[count, k].</summary>
    public required int* ExpertIds { get; init; }

    public required Rows Weights { get; init; }

    public required WorkerScratch Scratch { get; init; }

    /// <summary>Probabilities, selection scores and marks of E experts, scores and marks of the groups.</summary>
    public static long ScratchBytes(in RouterShape shape) => (3L * shape.Experts + 2L * shape.Groups) * sizeof(float);

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int experts = Shape.Experts;
        float* probabilities = (float*)Scratch[worker];
        float* choice = probabilities + experts;
        int* expertTaken = (int*)(choice + experts);
        float* groupScores = (float*)(expertTaken + experts);
        int* groupTaken = (int*)(groupScores + Shape.Groups);
        for (int t = start; t < end; t++)
        {
            Score(Logits[t], probabilities);
            for (int e = 0; e < experts; e++)
            {
                choice[e] = Bias == null ? probabilities[e] : probabilities[e] + Bias[e];
            }

            LimitToGroups(choice, expertTaken, groupScores, groupTaken);
            int* ids = ExpertIds + (long)t * Shape.ExpertsPerToken;
            for (int i = 0; i < Shape.ExpertsPerToken; i++)
            {
                ids[i] = TakeLargest(choice, expertTaken, experts);
            }

            Weigh(probabilities, ids, Weights[t]);
        }
    }

    private void Score(float* logits, float* probabilities)
    {
        if (Shape.Sigmoid)
        {
            for (int e = 0; e < Shape.Experts; e++)
            {
                probabilities[e] = 1 / (1 + MathF.Exp(-logits[e]));
            }

            return;
        }

        float maximum = logits[0];
        for (int e = 1; e < Shape.Experts; e++)
        {
            maximum = Math.Max(maximum, logits[e]);
        }

        float sum = 0;
        for (int e = 0; e < Shape.Experts; e++)
        {
            probabilities[e] = MathF.Exp(logits[e] - maximum);
            sum += probabilities[e];
        }

        for (int e = 0; e < Shape.Experts; e++)
        {
            probabilities[e] /= sum;
        }
    }

    /// <summary>Marks as taken the experts of all groups but the kept ones.</summary>
    private void LimitToGroups(float* choice, int* expertTaken, float* groupScores, int* groupTaken)
    {
        if (Shape.GroupsKept >= Shape.Groups)
        {
            new Span<int>(expertTaken, Shape.Experts).Clear();
            return;
        }

        int size = Shape.Experts / Shape.Groups;
        for (int g = 0; g < Shape.Groups; g++)
        {
            float first = float.NegativeInfinity, second = float.NegativeInfinity;
            for (int e = g * size; e < (g + 1) * size; e++)
            {
                second = Math.Max(second, Math.Min(first, choice[e]));
                first = Math.Max(first, choice[e]);
            }

            groupScores[g] = Shape.BiasCorrected && size > 1 ? first + second : first;
        }

        new Span<int>(groupTaken, Shape.Groups).Clear();
        new Span<int>(expertTaken, Shape.Experts).Fill(1);
        for (int i = 0; i < Shape.GroupsKept; i++)
        {
            new Span<int>(expertTaken + TakeLargest(groupScores, groupTaken, Shape.Groups) * size, size).Clear();
        }
    }

    /// <summary>The first of the largest values not taken yet, and takes it; one that is not a number is the smallest.</summary>
    private static int TakeLargest(float* values, int* taken, int count)
    {
        int best = -1;
        float largest = float.NaN;
        for (int i = 0; i < count; i++)
        {
            if (taken[i] == 0 && (best < 0 || values[i] > largest || (float.IsNaN(largest) && !float.IsNaN(values[i]))))
            {
                best = i;
                largest = values[i];
            }
        }

        taken[best] = 1;
        return best;
    }

    private void Weigh(float* probabilities, int* ids, float* weights)
    {
        float sum = 0;
        for (int i = 0; i < Shape.ExpertsPerToken; i++)
        {
            weights[i] = probabilities[ids[i]];
            sum += weights[i];
        }

        float divisor = Shape.Normalize ? sum + 1e-20f : 1;
        for (int i = 0; i < Shape.ExpertsPerToken; i++)
        {
            weights[i] = weights[i] / divisor * Shape.Scale;
        }
    }
}
