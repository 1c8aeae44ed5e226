namespace DeepSeekEngine.Runtime;

/// <summary>
/// The penalties of tokens that were seen before, for one request. For every token of prompt or response,
/// <c>z = z &gt; 0 ? z / repetition : z * repetition</c> (Keskar et al., CTRL, as Hugging Face transformers applies it); then, with c
/// occurrences in the response, <c>z -= c * frequency + (c &gt; 0 ? presence : 0)</c> (as the OpenAI API defines them).
/// </summary>
internal sealed class TokenPenalties(SamplingParameters parameters, int vocabularySize)
{
    /// <summary>[vocabulary]: 0 for a token not seen, else 1 + its occurrences in the response.</summary>
    private readonly int[] _counts = new int[vocabularySize];

    /// <summary>The tokens seen, each once, in the order they were first seen.</summary>
    private readonly int[] _seen = new int[vocabularySize];

    private int _seenCount;

    public void AddPrompt(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            See(token);
        }
    }

    public void AddGenerated(int token)
    {
        See(token);
        _counts[token]++;
    }

    public void Apply(Span<float> logits)
    {
        foreach (int token in _seen.AsSpan(0, _seenCount))
        {
            float logit = logits[token];
            logit = logit > 0 ? logit / parameters.RepetitionPenalty : logit * parameters.RepetitionPenalty;
            int generated = _counts[token] - 1;
            logits[token] = generated == 0 ? logit : logit - generated * parameters.FrequencyPenalty - parameters.PresencePenalty;
        }
    }

    private void See(int token)
    {
        if (_counts[token] == 0)
        {
            _counts[token] = 1;
            _seen[_seenCount++] = token;
        }
    }
}
