namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>Twins, in double, of multi-head latent attention. All activations are dense rows.</summary>
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

    /// <summary>One head's context: sum_j softmax_j(scale * absorbed . latents[j]) latents[j, :c] over all given latents.</summary>
    public static double[] Context(ReadOnlySpan<double> absorbed, ReadOnlySpan<double> latents, in MlaShape shape)
    {
        var scores = new double[latents.Length / shape.CacheRow];
        for (int j = 0; j < scores.Length; j++)
        {
            scores[j] = shape.Scale * Dot(absorbed, latents.Slice(j * shape.CacheRow, shape.CacheRow));
        }

        double[] weights = Softmax(scores);
        var context = new double[shape.Latent];
        for (int j = 0; j < weights.Length; j++)
        {
            for (int k = 0; k < shape.Latent; k++)
            {
                context[k] += weights[j] * latents[j * shape.CacheRow + k];
            }
        }

        return context;
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
    /// One head of expanded attention over all given positions: the largest score, the sum of exp(score - largest), and the values
    /// weighted with exp(score - largest), not divided.
    /// </summary>
    /// <param name="query">[n + r].</param>
    /// <param name="keyValues">[positions, H * (n + v)].</param>
    /// <param name="latents">[positions, c + r].</param>
    public static (double Maximum, double Sum, double[] Values) Expanded(
        ReadOnlySpan<double> query, ReadOnlySpan<double> keyValues, ReadOnlySpan<double> latents, int head, in MlaShape shape)
    {
        var scores = new double[latents.Length / shape.CacheRow];
        for (int j = 0; j < scores.Length; j++)
        {
            ReadOnlySpan<double> key = keyValues.Slice((j * shape.Heads + head) * shape.KeyValueHead, shape.Nope);
            ReadOnlySpan<double> rotated = latents.Slice(j * shape.CacheRow + shape.Latent, shape.Rope);
            scores[j] = shape.Scale * (Dot(query[..shape.Nope], key) + Dot(query[shape.Nope..], rotated));
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
                values[k] += weight * keyValues[(j * shape.Heads + head) * shape.KeyValueHead + shape.Nope + k];
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
