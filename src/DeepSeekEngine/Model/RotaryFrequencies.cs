namespace DeepSeekEngine.Model;

/// <summary>
/// The angles of the rotary embedding: pair i of a head's r rotated dimensions, (2i, 2i + 1), turns by position * f_i.
/// YaRN (Peng et al. 2023, static as in DeepSeek's code): f_i = base^(-2i/r) (1 - ramp_i + ramp_i / factor), where ramp rises from 0 to 1
/// between the pairs that make beta_fast and beta_slow turns over the original context.
/// </summary>
internal sealed class RotaryFrequencies
{
    private readonly double[] _frequencies;

    private RotaryFrequencies(double[] frequencies, double multiplier)
    {
        _frequencies = frequencies;
        Multiplier = multiplier;
    }

    /// <summary>[r / 2], radians a position.</summary>
    public ReadOnlySpan<double> Frequencies => _frequencies;

    /// <summary>Multiplies every cosine and sine: g(factor, mscale) / g(factor, mscale_all_dim), 1 in every released DeepSeek.</summary>
    public double Multiplier { get; }

    public static RotaryFrequencies Of(ModelConfig config) => Of(config.Attention.Rope, config.RopeTheta, config.Yarn);

    /// <param name="width">r, even.</param>
    /// <param name="theta">The base of the frequencies.</param>
    /// <param name="yarn">Null for the plain embedding.</param>
    public static RotaryFrequencies Of(int width, double theta, YarnScaling? yarn)
    {
        double[] frequencies = new double[width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double extrapolated = Math.Pow(theta, -2.0 * i / width);
            double ramp = yarn is null ? 0 : Ramp(i, width, theta, yarn);
            frequencies[i] = extrapolated * (1 - ramp) + extrapolated / (yarn?.Factor ?? 1) * ramp;
        }

        return new RotaryFrequencies(frequencies, yarn is null ? 1 : MultiplierOf(yarn));
    }

    /// <summary>g(factor, mscale) / g(factor, mscale_all_dim).</summary>
    public static double MultiplierOf(YarnScaling yarn) => Magnitude(yarn.Factor, yarn.Mscale) / Magnitude(yarn.Factor, yarn.MscaleAllDim);

    /// <summary>queryHead^-0.5 * g(factor, mscale_all_dim)^2.</summary>
    public static double SoftmaxScale(int queryHead, YarnScaling? yarn)
    {
        double magnitude = yarn is null ? 1 : Magnitude(yarn.Factor, yarn.MscaleAllDim);
        return magnitude * magnitude / Math.Sqrt(queryHead);
    }

    /// <summary>[positions, r]: cos_0, sin_0, cos_1, sin_1, ... of each position, computed in double, the multiplier included.</summary>
    public float[] Table(int positions)
    {
        int width = 2 * _frequencies.Length;
        float[] table = new float[checked(positions * width)];
        for (int position = 0; position < positions; position++)
        {
            for (int i = 0; i < _frequencies.Length; i++)
            {
                (double sine, double cosine) = Math.SinCos(position * _frequencies[i]);
                table[position * width + 2 * i] = (float)(cosine * Multiplier);
                table[position * width + 2 * i + 1] = (float)(sine * Multiplier);
            }
        }

        return table;
    }

    /// <summary>How far pair i is interpolated: 0 keeps its frequency, 1 divides it by the factor.</summary>
    private static double Ramp(int i, int width, double theta, YarnScaling yarn)
    {
        double low = Math.Max(Math.Floor(PairTurning(yarn.BetaFast)), 0);
        double high = Math.Min(Math.Ceiling(PairTurning(yarn.BetaSlow)), width - 1);
        if (low == high)
        {
            high += 0.001;
        }

        return Math.Clamp((i - low) / (high - low), 0, 1);

        double PairTurning(double rotations)
            => width * Math.Log(yarn.OriginalMaxPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
    }

    /// <summary>g(s, m) = 0.1 m ln s + 1, or 1 where nothing is stretched.</summary>
    private static double Magnitude(double factor, double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;
}
