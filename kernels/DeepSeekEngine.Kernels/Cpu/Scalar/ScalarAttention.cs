namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins, in double, of attention. All activations are dense rows.</summary>
internal static class ScalarAttention
{
    /// <summary>(a, b) becomes (a cos - b sin, a sin + b cos); angles: cos, sin of each pair.</summary>
    public static void Rotate(Span<double> x, ReadOnlySpan<float> angles)
    {
        for (int k = 0; k < x.Length; k += 2)
        {
            (double a, double b) = (x[k], x[k + 1]);
            x[k] = a * angles[k] - b * angles[k + 1];
            x[k + 1] = a * angles[k + 1] + b * angles[k];
        }
    }

    /// <summary>q [count, H * (n + r)] with the last r values of each head rotated by the token's position.</summary>
    public static double[] RotateQueries(ReadOnlySpan<double> q, ReadOnlySpan<float> rope, ReadOnlySpan<int> positions, in MlaShape shape)
    {
        double[] y = q.ToArray();
        for (int head = 0; head < positions.Length * shape.Heads; head++)
        {
            int position = positions[head / shape.Heads];
            Rotate(y.AsSpan(head * shape.QueryHead + shape.Nope, shape.Rope), rope.Slice(position * shape.Rope, shape.Rope));
        }

        return y;
    }

    /// <summary>What the cache holds of one token: RMSNorm(kv[:c]) and the rotated kv[c:].</summary>
    public static double[] Latent(
        ReadOnlySpan<double> kv, ReadOnlySpan<float> normWeight, double epsilon, ReadOnlySpan<float> rope, int position, in MlaShape shape)
    {
        double[] latent = ScalarDense.RmsNorm(kv[..shape.Latent], normWeight, epsilon);
        double[] key = kv[shape.Latent..].ToArray();
        Rotate(key, rope.Slice(position * shape.Rope, shape.Rope));
        return [.. latent, .. key];
    }

    /// <summary>absorbed[t, h] = [q_nope[t, h] Wk_h, q_pe[t, h]].</summary>
    public static double[] AbsorbQueries(ReadOnlySpan<double> q, in WeightMatrix kvB, in MlaShape shape)
    {
        int heads = q.Length / shape.QueryHead;
        var absorbed = new double[heads * shape.CacheRow];
        for (int i = 0; i < heads; i++)
        {
            ReadOnlySpan<double> query = q.Slice(i * shape.QueryHead, shape.QueryHead);
            Span<double> y = absorbed.AsSpan(i * shape.CacheRow, shape.CacheRow);
            for (int k = 0; k < shape.Latent; k++)
            {
                for (int row = 0; row < shape.Nope; row++)
                {
                    y[k] += query[row] * ScalarWeights.Decode(kvB, i % shape.Heads * shape.KeyValueHead + row, k);
                }
            }

            query[shape.Nope..].CopyTo(y[shape.Latent..]);
        }

        return absorbed;
    }

    /// <summary>One head's context: sum_j softmax_j(scale * query . key_j) value_j over all given rows of a cache.</summary>
    public static double[] Context(ReadOnlySpan<double> query, ReadOnlySpan<double> rows, int head, in AttentionShape shape)
    {
        int part = head / shape.Group * shape.RowHead;
        var scores = new double[rows.Length / shape.Row];
        for (int j = 0; j < scores.Length; j++)
        {
            scores[j] = shape.Scale * Dot(query, rows.Slice(j * shape.Row + part, shape.Key));
        }

        double[] weights = Softmax(scores);
        var context = new double[shape.Value];
        for (int j = 0; j < weights.Length; j++)
        {
            for (int k = 0; k < shape.Value; k++)
            {
                context[k] += weights[j] * rows[j * shape.Row + part + shape.ValueOffset + k];
            }
        }

        return context;
    }

    /// <summary>(a, b) of the pair (i, i + width / 2) becomes (a cos - b sin, a sin + b cos); angles: all cosines, then all sines.</summary>
    public static void RotateHalves(Span<double> x, ReadOnlySpan<float> angles)
    {
        int half = x.Length / 2;
        for (int i = 0; i < half; i++)
        {
            (double a, double b) = (x[i], x[half + i]);
            x[i] = a * angles[i] - b * angles[half + i];
            x[half + i] = a * angles[half + i] + b * angles[i];
        }
    }

    /// <summary>One head after its projection: the bias added, normalised, rotated; each only if it is not empty.</summary>
    public static double[] Head(
        ReadOnlySpan<double> x, ReadOnlySpan<float> bias, ReadOnlySpan<float> norm, double epsilon, ReadOnlySpan<float> angles)
    {
        double[] y = x.ToArray();
        for (int i = 0; i < bias.Length; i++)
        {
            y[i] += bias[i];
        }

        y = norm.IsEmpty ? y : ScalarDense.RmsNorm(y, norm, epsilon);
        RotateHalves(y.AsSpan(0, angles.IsEmpty ? 0 : y.Length), angles);
        return y;
    }

    /// <summary>heads[t, h] = context[t, h] Wv_h^T.</summary>
    public static double[] ProjectLatents(ReadOnlySpan<double> context, in WeightMatrix kvB, in MlaShape shape)
    {
        int heads = context.Length / shape.Latent;
        var y = new double[heads * shape.Value];
        for (int i = 0; i < y.Length; i++)
        {
            int head = i / shape.Value;
            int row = head % shape.Heads * shape.KeyValueHead + shape.Nope + i % shape.Value;
            for (int k = 0; k < shape.Latent; k++)
            {
                y[i] += context[head * shape.Latent + k] * ScalarWeights.Decode(kvB, row, k);
            }
        }

        return y;
    }

    /// <summary>
    /// One head of attention over all given positions: the largest score, the sum of exp(score - largest), and the values weighted with
    /// exp(score - largest), not divided.
    /// </summary>
    /// <param name="query">[key + shared key].</param>
    /// <param name="keyValues">[positions, row].</param>
    /// <param name="sharedKeys">[positions, shared key].</param>
    public static (double Maximum, double Sum, double[] Values) Expanded(
        ReadOnlySpan<double> query, ReadOnlySpan<double> keyValues, ReadOnlySpan<double> sharedKeys, int head, in AttentionShape shape)
    {
        int part = head / shape.Group * shape.RowHead;
        var scores = new double[keyValues.Length / shape.Row];
        for (int j = 0; j < scores.Length; j++)
        {
            ReadOnlySpan<double> key = keyValues.Slice(j * shape.Row + part, shape.Key);
            ReadOnlySpan<double> shared = sharedKeys.Slice(j * shape.SharedKey, shape.SharedKey);
            scores[j] = shape.Scale * (Dot(query[..shape.Key], key) + Dot(query[shape.Key..], shared));
        }

        double maximum = scores.Max();
        double sum = 0;
        var values = new double[shape.Value];
        for (int j = 0; j < scores.Length; j++)
        {
            double weight = Math.Exp(scores[j] - maximum);
            sum += weight;
            for (int k = 0; k < shape.Value; k++)
            {
                values[k] += weight * keyValues[j * shape.Row + part + shape.ValueOffset + k];
            }
        }

        return (maximum, sum, values);
    }

    public static double[] Softmax(ReadOnlySpan<double> scores)
    {
        double maximum = double.NegativeInfinity;
        foreach (double score in scores)
        {
            maximum = Math.Max(maximum, score);
        }

        var weights = new double[scores.Length];
        double sum = 0;
        for (int j = 0; j < scores.Length; j++)
        {
            weights[j] = Math.Exp(scores[j] - maximum);
            sum += weights[j];
        }

        for (int j = 0; j < scores.Length; j++)
        {
            weights[j] /= sum;
        }

        return weights;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int k = 0; k < a.Length; k++)
        {
            sum += a[k] * b[k];
        }

        return sum;
    }
}
