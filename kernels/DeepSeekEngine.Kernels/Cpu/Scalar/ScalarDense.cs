namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins, in double, of the dense operations. All activations are dense rows.</summary>
internal static class ScalarDense
{
    /// <summary>y[t] = table[tokens[t]].</summary>
    public static double[] Embed(ReadOnlySpan<int> tokens, in WeightMatrix table)
    {
        var y = new double[tokens.Length * table.Columns];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = ScalarWeights.Decode(table, tokens[i / table.Columns], i % table.Columns);
        }

        return y;
    }

    /// <summary>y[t, j] = sum_k x[t, k] W[j, k].</summary>
    public static double[] Linear(ReadOnlySpan<double> x, in WeightMatrix weight)
    {
        int count = x.Length / weight.Columns;
        var y = new double[count * weight.Rows];
        for (int t = 0; t < count; t++)
        {
            for (int j = 0; j < weight.Rows; j++)
            {
                for (int k = 0; k < weight.Columns; k++)
                {
                    y[t * weight.Rows + j] += x[t * weight.Columns + k] * ScalarWeights.Decode(weight, j, k);
                }
            }
        }

        return y;
    }

    /// <summary>weight * x / sqrt(mean(x^2) + epsilon) of each row.</summary>
    public static double[] RmsNorm(ReadOnlySpan<double> x, ReadOnlySpan<float> weight, double epsilon)
    {
        int width = weight.Length;
        var y = new double[x.Length];
        for (int row = 0; row < x.Length; row += width)
        {
            double squares = 0;
            for (int k = 0; k < width; k++)
            {
                squares += x[row + k] * x[row + k];
            }

            for (int k = 0; k < width; k++)
            {
                y[row + k] = weight[k] * x[row + k] / Math.Sqrt(squares / width + epsilon);
            }
        }

        return y;
    }

    /// <summary>x + y of each element.</summary>
    public static double[] Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        var sum = new double[x.Length];
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] = x[i] + y[i];
        }

        return sum;
    }

    /// <summary>silu(gate) * up of each element.</summary>
    public static double[] SwiGlu(ReadOnlySpan<double> gate, ReadOnlySpan<double> up)
    {
        var y = new double[gate.Length];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = gate[i] / (1 + Math.Exp(-gate[i])) * up[i];
        }

        return y;
    }
}
