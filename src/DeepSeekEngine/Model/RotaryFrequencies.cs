namespace DeepSeekEngine.Model;

/// <summary>
/// The angles of the rotary embedding: pair i of a head's r rotated dimensions turns by position * f_i, f_i = base^(-2i/r) unless scaled to
/// base^(-2i/r) (1 - ramp_i + ramp_i / factor).
/// YaRN (Peng et al. 2023, static as in DeepSeek's code): ramp rises from 0 to 1 between the pairs that make beta_fast and beta_slow turns
/// over the original context, evenly over pairs. Llama 3.1: between those that make high_freq_factor and low_freq_factor turns, evenly
/// over turns.
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

    /// <summary>Multiplies every cosine and sine: YaRN's, 1 in every released model of the family.</summary>
    public double Multiplier { get; }

    public static RotaryFrequencies Of(ModelConfig config) => Of(config.Attention.RopeWidth, config.RopeTheta, config.RopeScaling);

    /// <param name="width">r, even.</param>
    /// <param name="theta">The base of the frequencies.</param>
    /// <param name="scaling">Null for the plain embedding.</param>
    public static RotaryFrequencies Of(int width, double theta, RopeScaling? scaling)
    {
        double[] frequencies = new double[width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double extrapolated = Math.Pow(theta, -2.0 * i / width);
            double ramp = scaling switch
            {
                YarnScaling yarn => Ramp(i, width, theta, yarn),
                Llama3Scaling llama => Ramp(extrapolated, llama),
                _ => 0,
            };
            frequencies[i] = extrapolated * (1 - ramp) + extrapolated / (scaling?.Factor ?? 1) * ramp;
        }

        return new RotaryFrequencies(frequencies, scaling is YarnScaling stretched ? MultiplierOf(stretched) : 1);
    }

    /// <summary>The factor that is stated, or g(factor, mscale) / g(factor, mscale_all_dim).</summary>
    public static double MultiplierOf(YarnScaling yarn)
        => yarn.AttentionFactor ?? Magnitude(yarn.Factor, yarn.Mscale) / Magnitude(yarn.Factor, yarn.MscaleAllDim);

    /// <summary>queryHead^-0.5 * g(factor, mscale_all_dim)^2.</summary>
    public static double SoftmaxScale(int queryHead, YarnScaling? yarn)
    {
        double magnitude = yarn is null ? 1 : Magnitude(yarn.Factor, yarn.MscaleAllDim);
        return magnitude * magnitude / Math.Sqrt(queryHead);
    }

    /// <summary>
    /// [positions, r] cosines and sines of each position, computed in double, the multiplier included: cos_0, sin_0, cos_1, sin_1, ...
    /// for rotated neighbours, all cosines and then all sines for rotated halves, as what they are multiplied with lies.
    /// </summary>
    public float[] Table(int positions, bool halves)
    {
        int width = 2 * _frequencies.Length;
        float[] table = new float[checked(positions * width)];
        for (int position = 0; position < positions; position++)
        {
            for (int i = 0; i < _frequencies.Length; i++)
            {
                (double sine, double cosine) = Math.SinCos(position * _frequencies[i]);
                int cosineAt = position * width + (halves ? i : 2 * i);
                table[cosineAt] = (float)(cosine * Multiplier);
                table[cosineAt + (halves ? _frequencies.Length : 1)] = (float)(sine * Multiplier);
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

    /// <summary>How far a frequency is interpolated.</summary>
    private static double Ramp(double frequency, Llama3Scaling llama)
    {
        double turns = llama.OriginalMaxPositions * frequency / (2 * Math.PI);
        return Math.Clamp((llama.HighFrequency - turns) / (llama.HighFrequency - llama.LowFrequency), 0, 1);
    }

    /// <summary>g(s, m) = 0.1 m ln s + 1, or 1 where nothing is stretched.</summary>
    private static double Magnitude(double factor, double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;
}
