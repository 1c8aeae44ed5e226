namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>The choice of the most probable token, one value after the other.</summary>
internal static class ScalarArgMax
{
    /// <summary>
    /// The index of the largest value, the lowest of equals, 0 being more than -0; if any is not a number, the complement of the first such
    /// index; if all are minus infinity, int.MinValue.
    /// </summary>
    public static int Of(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (float.IsNaN(values[i]))
            {
                return ~i;
            }

            bool isPositiveZero = values[i] == 0 && values[best] == 0 && !float.IsNegative(values[i]) && float.IsNegative(values[best]);
            best = values[i] > values[best] || isPositiveZero ? i : best;
        }

        return float.IsNegativeInfinity(values[best]) ? int.MinValue : best;
    }
}
