namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>The list of the largest logits, by sorting all of them and summing in double.</summary>
internal static class ScalarTopLogits
{
    /// <summary>The first of the tokens in the order of <see cref="TopLogit"/>, as many as there are.</summary>
    public static int[] Order(ReadOnlySpan<float> logits)
    {
        float[] values = logits.ToArray();
        return
        [
            .. Enumerable.Range(0, values.Length)
                .OrderByDescending(token => float.IsNaN(values[token]))
                .ThenByDescending(token => values[token])
                .ThenBy(token => values[token] == 0 && float.IsNegative(values[token]))
                .ThenBy(token => token)
                .Take(TopLogit.Count),
        ];
    }

    /// <summary>The sum of exp((z - max z) / T) over all tokens but those; what is not a number counts nothing.</summary>
    public static double Rest(ReadOnlySpan<float> logits, int[] tokens, double temperature)
    {
        double max = logits[tokens[0]];
        double sum = 0;
        for (int token = 0; token < logits.Length; token++)
        {
            double weight = tokens.Contains(token) ? 0 : Math.Exp((logits[token] - max) / temperature);
            sum += double.IsNaN(weight) ? 0 : weight;
        }

        return sum;
    }
}
