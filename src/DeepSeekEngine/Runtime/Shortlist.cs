using System.Numerics.Tensors;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Chooses a token as <see cref="Sampler"/> does, from no more of the logits than <see cref="TopLogit"/> lists, or finds that these do not
/// tell. The weights of the listed tokens are computed as the sampler computes them, to the bit; those of all others together are known to
/// lie between two bounds. Every step of the choice is taken with both, and unless the token is the same it is not told: so it is the
/// sampler's whenever it is told.
/// </summary>
internal sealed class Shortlist
{
    /// <summary>How much the order of a sum of doubles may change it, as a part of it, by far.</summary>
    private const double Reordering = 1e-9;

    /// <summary>How much more than a listed token's weight that of one with a smaller logit may be, as a part of it: exp rounds.</summary>
    private const double Unordered = 1e-6;

    /// <summary>Weights below this may be rounded coarsely, and are not relied upon.</summary>
    private const double Smallest = 1e-37;

    private readonly float[] _weights = new float[TopLogit.Count];
    private readonly ulong[] _keys = new ulong[TopLogit.Count];
    private readonly double[] _prefixes = new double[TopLogit.Count];

    /// <summary>The token at place u of the cumulative distribution; -1 if the list does not tell.</summary>
    /// <param name="list">Of logits with nothing done to them.</param>
    /// <param name="vocabulary">Tokens in the row.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN, or none is more than -inf.</exception>
    public int Choose(ReadOnlySpan<TopLogit> list, SamplingParameters parameters, int vocabulary, double u)
    {
        var (best, max) = (list[0].Token, list[0].Logit);
        _ = Sampler.Checked(float.IsNaN(max) ? ~best : float.IsNegativeInfinity(max) ? int.MinValue : best);
        if (float.IsPositiveInfinity(max))
        {
            return best;
        }

        var known = Weigh(list[..TopLogit.Count], parameters.Temperature, max, vocabulary, out var edge, out var unlisted);
        var total = known == 0 ? 0 : _prefixes[known - 1];
        var rest = (double)list[TopLogit.Count].Logit;
        var all = (
            Least: (total + unlisted + (rest * (1 - TopLogit.SumError))) * (1 - Reordering),
            Most: (total + unlisted + (rest * (1 + TopLogit.SumError))) * (1 + Reordering));

        // How many tokens each filter leaves; beyond those known, where it leaves more.
        var beyond = known + 1;
        var (kept, mass) = (beyond, all);
        if (parameters.TopK > 0 && parameters.TopK < vocabulary)
        {
            if (parameters.TopK > known)
            {
                return -1;
            }

            (kept, mass) = (parameters.TopK, Mass(parameters.TopK));
        }

        var aboveMinP = beyond;
        if (parameters.MinP > edge)
        {
            for (aboveMinP = 0; aboveMinP < known && Candidates.Weight(_keys[aboveMinP]) >= parameters.MinP;)
            {
                aboveMinP++;
            }
        }

        var (least, most) = (Math.Min(kept, aboveMinP), Math.Min(kept, aboveMinP));
        if (parameters.TopP < 1)
        {
            least = Math.Min(least, Math.Min(kept, Prefix(parameters.TopP * mass.Least, known)));
            most = Math.Min(most, Math.Min(kept, Prefix(parameters.TopP * mass.Most, known)));
        }

        var isFiltered = parameters.TopP < 1 || parameters.MinP > 0 || kept <= known;
        if (least != most || (isFiltered && most > known))
        {
            return -1;
        }

        var limit = Math.Min(most, known);
        mass = isFiltered ? Mass(most) : all;
        var (first, last) = (Prefix(u * mass.Least, limit), Prefix(u * mass.Most, limit));
        return first == last && last <= limit ? (int)(uint)_keys[last - 1] : -1;
    }

    /// <summary>
    /// Orders the listed tokens as the sampler would all tokens. Those with nearly the least weight are left out: unlisted ones might come
    /// before them.
    /// </summary>
    /// <param name="edge">No token but those known has more weight.</param>
    /// <param name="unlisted">The sum of the weights of what is left out.</param>
    /// <returns>How many first tokens of the order are known.</returns>
    private int Weigh(ReadOnlySpan<TopLogit> list, float temperature, float max, int vocabulary, out double edge, out double unlisted)
    {
        for (var i = 0; i < list.Length; i++)
        {
            _weights[i] = list[i].Logit;
        }

        TensorPrimitives.Subtract(_weights, max, _weights);
        TensorPrimitives.Divide(_weights, temperature, _weights);
        TensorPrimitives.Exp<float>(_weights, _weights);
        for (var i = 0; i < list.Length; i++)
        {
            _keys[i] = Candidates.Key(_weights[i], list[i].Token);
        }

        edge = vocabulary <= list.Length ? -1 : Math.Max(_weights.Min() * (1 + Unordered), Smallest);
        _keys.AsSpan().Sort();
        var (known, sum) = (0, 0.0);
        unlisted = 0;
        foreach (var key in _keys)
        {
            var weight = Candidates.Weight(key);
            if (weight > edge && (int)(uint)key < vocabulary)
            {
                _prefixes[known++] = sum += weight;
            }
            else
            {
                unlisted += weight;
            }
        }

        return known;
    }

    /// <summary>Between what the sum of the first weights may come to, in whatever order they are added.</summary>
    private (double Least, double Most) Mass(int count) => (_prefixes[count - 1] * (1 - Reordering), _prefixes[count - 1] * (1 + Reordering));

    /// <summary>The length of the shortest prefix of so many tokens that has this mass; one more than there are if none has.</summary>
    private int Prefix(double mass, int count)
    {
        var length = 1;
        while (length <= count && _prefixes[length - 1] < mass)
        {
            length++;
        }

        return length;
    }
}
