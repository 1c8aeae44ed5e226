namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins, in double, of the router and of the routed experts. All activations are dense rows.</summary>
internal static class ScalarExperts
{
    /// <summary>The chosen experts of one token in descending order of selection score, and their weights.</summary>
    public static (int[] Ids, double[] Weights) Select(ReadOnlySpan<float> logits, ReadOnlySpan<float> bias, RouterShape shape)
    {
        var z = new double[shape.Experts];
        for (int e = 0; e < z.Length; e++)
        {
            z[e] = logits[e];
        }

        double[] probabilities = shape.Sigmoid ? Array.ConvertAll(z, v => 1 / (1 + Math.Exp(-v))) : ScalarAttention.Softmax(z);
        double[] choice = [.. probabilities];
        for (int e = 0; e < bias.Length; e++)
        {
            choice[e] += bias[e];
        }

        int size = shape.Experts / shape.Groups;
        var groupScores = new double[shape.Groups];
        for (int g = 0; g < shape.Groups; g++)
        {
            double[] sorted = choice[(g * size)..((g + 1) * size)];
            Array.Sort(sorted);
            groupScores[g] = shape.BiasCorrected && size > 1 ? sorted[^1] + sorted[^2] : sorted[^1];
        }

        // OrderByDescending is stable: of equal scores the lower number comes first.
        HashSet<int> kept = [.. Enumerable.Range(0, shape.Groups).OrderByDescending(g => groupScores[g]).Take(shape.GroupsKept)];
        int[] ids = [.. Enumerable.Range(0, shape.Experts)
            .Where(e => kept.Contains(e / size))
            .OrderByDescending(e => choice[e])
            .Take(shape.ExpertsPerToken)];
        double[] weights = Array.ConvertAll(ids, e => probabilities[e]);
        double divisor = shape.Normalize ? weights.Sum() + 1e-20 : 1;
        return (ids, Array.ConvertAll(weights, w => w / divisor * shape.Scale));
    }

    /// <summary>sum_i weights[i] (silu(x Wgate_e^T) * (x Wup_e^T)) Wdown_e^T of one token, e = ids[i].</summary>
    public static double[] Mix(
        ReadOnlySpan<double> x, ReadOnlySpan<int> ids, ReadOnlySpan<double> weights,
        ReadOnlySpan<WeightMatrix> gate, ReadOnlySpan<WeightMatrix> up, ReadOnlySpan<WeightMatrix> down)
    {
        var y = new double[x.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            int e = ids[i];
            double[] hidden = ScalarDense.SwiGlu(ScalarDense.Linear(x, gate[e]), ScalarDense.Linear(x, up[e]));
            double[] output = ScalarDense.Linear(hidden, down[e]);
            for (int k = 0; k < y.Length; k++)
            {
                y[k] += weights[i] * output[k];
            }
        }

        return y;
    }
}
