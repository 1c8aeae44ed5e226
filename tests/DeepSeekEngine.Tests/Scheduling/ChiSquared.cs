namespace DeepSeekEngine.Tests.Scheduling;

/// <summary>Pearson's test of counts against the probabilities they are said to have.</summary>
internal static class ChiSquared
{
    /// <summary>
    /// How far the counts are from what is expected, over how far they would be in one of 100,000 samples of the expected distribution:
    /// above 1 they are of another. What is expected fewer than five times is counted together.
    /// </summary>
    /// <param name="counts">How often each outcome came.</param>
    /// <param name="probabilities">Of each outcome; outcomes of probability 0 must not come.</param>
    public static double Excess(ReadOnlySpan<int> counts, ReadOnlySpan<double> probabilities)
    {
        var total = 0;
        foreach (var count in counts)
        {
            total += count;
        }

        var (statistic, bins, rareCount, rareExpected) = (0.0, 0, 0, 0.0);
        for (var i = 0; i < counts.Length; i++)
        {
            var expected = probabilities[i] * total;
            if (expected < 5)
            {
                (rareCount, rareExpected) = (rareCount + counts[i], rareExpected + expected);
                continue;
            }

            statistic += Math.Pow(counts[i] - expected, 2) / expected;
            bins++;
        }

        if (rareCount > 0 && rareExpected == 0)
        {
            return double.PositiveInfinity;
        }

        if (rareExpected > 0)
        {
            statistic += Math.Pow(rareCount - rareExpected, 2) / rareExpected;
            bins++;
        }

        return statistic / Limit(bins - 1);
    }

    /// <summary>The quantile 1 - 1e-5 by the approximation of Wilson and Hilferty (1931), with the normal distribution's of 4.265.</summary>
    private static double Limit(int degrees)
    {
        var spread = 2.0 / (9 * degrees);
        return degrees * Math.Pow(1 - spread + (4.265 * Math.Sqrt(spread)), 3);
    }
}
