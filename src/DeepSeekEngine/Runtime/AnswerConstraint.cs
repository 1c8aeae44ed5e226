using DeepSeekEngine.Constraints;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Holds the answer of a response to a grammar, and leaves its reasoning alone: the grammar begins after what closes the reasoning, or at
/// once where there is none. Tags are what the tags' own tokens say, never text that looks like them.
/// </summary>
internal sealed class AnswerConstraint
{
    private readonly Matcher _matcher;
    private readonly int[] _endTokens;
    private readonly int[] _closeReasoning;
    private readonly int? _openingTag;
    private Phase _phase;

    /// <param name="matcher">The answer's place in its grammar.</param>
    /// <param name="endTokens">Tokens that end a response.</param>
    /// <param name="closeReasoning">The closing tag's token and what follows it before the answer.</param>
    /// <param name="openingTag">The opening tag's token; null where the model is not to think any more.</param>
    /// <param name="startsInReasoning">Whether the prompt opens the reasoning.</param>
    public AnswerConstraint(Matcher matcher, int[] endTokens, int[] closeReasoning, int? openingTag, bool startsInReasoning)
    {
        _matcher = matcher;
        _endTokens = endTokens;
        _closeReasoning = closeReasoning;
        _openingTag = openingTag;
        _phase = startsInReasoning ? Phase.Reasoning : openingTag is null ? Phase.Answer : Phase.Undecided;
    }

    private enum Phase
    {
        /// <summary>The first token opens the reasoning or begins the answer.</summary>
        Undecided,
        Reasoning,
        Closing,
        Answer,
    }

    /// <summary>Whether the next token is held to something.</summary>
    public bool Applies => _phase is Phase.Undecided or Phase.Answer;

    public bool InReasoning => _phase is Phase.Reasoning;

    public bool InAnswer => _phase is Phase.Answer;

    /// <summary>Tokens there are of what closes the reasoning; the rest must follow.</summary>
    public int Closed { get; private set; }

    /// <summary>Whether the answer is complete and cannot go on.</summary>
    public bool MustEnd => InAnswer && _matcher.MustEnd;

    /// <summary>Whether a token may be next.</summary>
    public bool Allows(int token) => !Applies || IsOpening(token) || _matcher.Allows(token);

    /// <summary>Leaves of the next token's logits those that may be chosen; the others become minus infinity.</summary>
    /// <param name="logits">[vocabulary].</param>
    public void Apply(Span<float> logits)
    {
        if (_phase is Phase.Undecided)
        {
            var opening = logits[_openingTag!.Value];
            TokenMask.Apply(_matcher.Allowed(), logits);
            logits[_openingTag.Value] = opening;
        }
        else if (_phase is Phase.Answer)
        {
            TokenMask.Apply(_matcher.Allowed(), logits);
        }
    }

    /// <summary>The token to take for one that was chosen: a response does not end in its reasoning, for then it has no answer.</summary>
    public int Steer(int token) => InReasoning && Array.IndexOf(_endTokens, token) >= 0 ? _closeReasoning[0] : token;

    /// <summary>Goes on past a token that does not end the response.</summary>
    /// <returns>Whether it is text, and not what opens or closes the reasoning.</returns>
    public bool Append(int token)
    {
        switch (_phase)
        {
            case Phase.Undecided when IsOpening(token):
                _phase = Phase.Reasoning;
                return false;

            case Phase.Reasoning when token != _closeReasoning[0]:
                return true;

            case Phase.Reasoning or Phase.Closing:
                _phase = ++Closed == _closeReasoning.Length ? Phase.Answer : Phase.Closing;
                return false;

            default:
                _phase = Phase.Answer;
                _matcher.Accept(token);
                return true;
        }
    }

    private bool IsOpening(int token) => _phase is Phase.Undecided && token == _openingTag;
}
