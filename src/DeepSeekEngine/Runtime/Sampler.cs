using System.Numerics.Tensors;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Chooses the next tokens of one request. With logits z after <see cref="TokenPenalties"/>, weights <c>w = exp((z - max z) / T)</c>
/// and tokens ordered by descending weight, then ascending id: top-k keeps the first k; top-p the shortest prefix of these with
/// <c>sum w &gt;= p * (sum of the k)</c>, at least one; min-p those of these with <c>w &gt;= min_p</c>, the largest weight being 1. With u
/// uniform in [0, 1), the token is the first whose prefix has <c>sum w &gt;= u * (sum of those kept)</c>: the inverse of the cumulative
/// distribution, in which a small change of the logits seldom changes the token. Temperature 0 is the first token of the order.
/// </summary>
/// <remarks>
/// A logit of -inf is never chosen while there is another, one of +inf always. One number is drawn a token, none at temperature 0, so
/// a request's n-th draw depends on its seed and n alone. Not thread-safe.
/// </remarks>
internal sealed class Sampler
{
    private readonly SamplingParameters _parameters;
    private readonly TokenPenalties? _penalties;
    private readonly Candidates _candidates;
    private readonly int _vocabularySize;
    private readonly Shortlist? _shortlist;
    private SplitMix64 _random;
    private double? _place;

    public Sampler(SamplingParameters parameters, int vocabularySize)
    {
        _parameters = parameters;
        _penalties = parameters.HasPenalties ? new TokenPenalties(parameters, vocabularySize) : null;
        _candidates = new Candidates(parameters.Temperature > 0 ? vocabularySize : 0);
        _random = new SplitMix64((ulong)parameters.Seed);
        _vocabularySize = vocabularySize;
        _shortlist = parameters.Temperature > 0 && _penalties is null && float.IsFinite(InverseTemperature) ? new Shortlist() : null;
    }

    /// <summary>Whether it always chooses the most probable token, so that it need not see logits.</summary>
    public bool TakesMostProbable => _parameters.Temperature == 0 && _penalties is null;

    /// <summary>Whether it can choose from a list of the largest logits, if that tells; penalties change what those are.</summary>
    public bool TakesTopLogits => _shortlist is not null;

    /// <summary>1 / T.</summary>
    public float InverseTemperature => 1 / _parameters.Temperature;

    /// <summary>Tells the repetition penalty of the prompt.</summary>
    public void AddPrompt(ReadOnlySpan<int> tokens) => _penalties?.AddPrompt(tokens);

    /// <summary>Tells the penalties of a token of the response, be it sampled or forced.</summary>
    public void AddGenerated(int token) => _penalties?.AddGenerated(token);

    /// <summary>Chooses a token. It becomes part of the response only by <see cref="AddGenerated"/>.</summary>
    /// <param name="logits">[vocabulary]; overwritten.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN, or none is more than -inf.</exception>
    public int Sample(Span<float> logits)
    {
        var place = _parameters.Temperature > 0 ? Place() : 0;
        _place = null;
        return Sample(logits, place);
    }

    /// <summary>
    /// Chooses the token that <see cref="Sample(Span{float})"/> would choose, where <see cref="TakesTopLogits"/>; -1 if the list does not
    /// tell, and then that is to be asked.
    /// </summary>
    /// <param name="list">The list that <see cref="TopLogit"/> describes.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN, or none is more than -inf.</exception>
    public int SampleTop(ReadOnlySpan<TopLogit> list)
    {
        var token = _shortlist!.Choose(list, _parameters, _vocabularySize, Place());
        _place = token < 0 ? _place : null;
        return token;
    }

    /// <summary>The most probable token.</summary>
    /// <param name="token">As <see cref="Backends.IBackend.ArgMax"/> says it.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN, or none is more than -inf.</exception>
    public static int Checked(int token) => token >= 0 ? token : throw new InvalidOperationException(token == int.MinValue
        ? "Every token's logit is minus infinity: there is nothing to sample."
        : $"The logit of token {~token} is not a number: the weights are damaged, or the arithmetic overflowed.");

    /// <summary>Chooses the token at a given place of the cumulative distribution.</summary>
    /// <param name="logits">[vocabulary]; overwritten.</param>
    /// <param name="u">In [0, 1).</param>
    internal int Sample(Span<float> logits, double u)
    {
        _penalties?.Apply(logits);
        int best = TensorPrimitives.IndexOfMax<float>(logits);
        float max = logits[best];
        _ = Checked(float.IsNaN(max) ? ~best : float.IsNegativeInfinity(max) ? int.MinValue : best);
        if (_parameters.Temperature == 0 || float.IsPositiveInfinity(max))
        {
            return best;
        }

        TensorPrimitives.Subtract(logits, max, logits);
        TensorPrimitives.Divide(logits, _parameters.Temperature, logits);
        TensorPrimitives.Exp<float>(logits, logits);
        return Draw(logits, u);
    }

    /// <summary>The next token's place in the cumulative distribution, until one is chosen.</summary>
    private double Place() => _place ??= _random.NextDouble();

    private int Draw(ReadOnlySpan<float> weights, double u)
    {
        float topP = _parameters.TopP;
        float minP = _parameters.MinP;
        double mass;
        if (_parameters.TopK > 0 && _parameters.TopK < weights.Length)
        {
            _candidates.Take(weights, 0, _parameters.TopK);
            mass = _candidates.Mass();
        }
        else
        {
            // Only a share of the mass is looked at: that of top-p, or that up to u. The tokens of weight t or less sum to vocabulary * t
            // at most, so with this t they are not among the first that make up the share, and nearly all tokens need no ordering.
            mass = Candidates.Sum(weights);
            double share = topP < 1 ? topP : minP > 0 ? 1 : u;
            double t = Math.Max((1 - share) * mass / weights.Length, MathF.BitDecrement(minP));
            _candidates.Take(weights, Math.Clamp((float)t, 0, MathF.BitDecrement(1)), weights.Length);
        }

        if (topP < 1)
        {
            _candidates.KeepMass(topP * mass);
            mass = _candidates.Mass();
        }

        if (minP > 0)
        {
            _candidates.KeepAtLeast(minP);
            mass = _candidates.Mass();
        }

        return _candidates.TokenAt(u * mass);
    }
}
