namespace DeepSeekEngine.Constraints;

/// <summary>
/// Where one answer is in a grammar. As long as only allowed tokens are accepted, the answer can be completed, whatever is chosen of them.
/// Not thread-safe.
/// </summary>
internal sealed class Matcher
{
    private readonly TokenVocabulary _vocabulary;

    private readonly int[] _endTokens;

    private readonly List<byte> _written = [];

    private readonly Stepper _stepper;

    private readonly ulong[] _allowed;

    private bool _isAllowedKnown;

    private StackSet _stacks;

    /// <summary>Begins an answer.</summary>
    /// <param name="grammar">What it may be.</param>
    /// <param name="vocabulary">The tokens it is written in.</param>
    /// <param name="endTokens">The tokens that end it.</param>
    /// <exception cref="ArgumentException">The grammar or <paramref name="endTokens"/> has a token that is never sampled, or there is none
    /// to end with.</exception>
    public Matcher(Grammar grammar, TokenVocabulary vocabulary, int[] endTokens)
    {
        _vocabulary = vocabulary;
        _endTokens = endTokens;
        _stepper = new Stepper(_written);
        _allowed = new ulong[vocabulary.MaskLength];
        _stacks = StackSet.Of(grammar.Start, Frame.NoMark, StackSet.Finished);
        if (endTokens.Length == 0)
        {
            throw new ArgumentException("There is no token to end an answer with.", nameof(endTokens));
        }

        foreach (var token in grammar.Tokens.Concat(endTokens))
        {
            if ((uint)token >= (uint)vocabulary.Size)
            {
                throw new ArgumentException($"Token {token} is never sampled; there are logits for {vocabulary.Size} tokens.");
            }
        }
    }

    /// <summary>Whether what was accepted so far is complete.</summary>
    public bool MayEnd => _stacks.CanFinish;

    /// <summary>Whether it is complete and nothing may follow but a token that ends it.</summary>
    public bool MustEnd => _stacks.HasEmpty && _stacks.Frames.Length == 0;

    /// <summary>The tokens with which the answer can be completed, those that end it among them where it is complete.</summary>
    /// <returns>A mask (<see cref="TokenMask"/>), good until the next token is accepted.</returns>
    public ReadOnlySpan<ulong> Allowed()
    {
        if (_isAllowedKnown)
        {
            return _allowed;
        }

        Array.Clear(_allowed);
        Add(_stacks, NodeSet.Root);
        foreach (var token in _endTokens)
        {
            if (MayEnd)
            {
                TokenMask.Add(_allowed, token);
            }
            else if (_vocabulary.IsText(token))
            {
                TokenMask.Remove(_allowed, token);
            }
        }

        _isAllowedKnown = true;
        return _allowed;
    }

    /// <summary>Whether <see cref="Allowed"/> has a token, found out without the others: faster where only a few are asked for.</summary>
    public bool Allows(int token)
    {
        if (_endTokens.Contains(token) && (MayEnd || _vocabulary.IsText(token)))
        {
            return MayEnd;
        }

        var length = _written.Count;
        var isAllowed = !Step(token).IsNone;
        _written.RemoveRange(length, _written.Count - length);
        return isAllowed;
    }

    /// <summary>Takes a token as the answer's next. One that ends it changes nothing.</summary>
    /// <exception cref="InvalidOperationException">The token is not allowed here.</exception>
    public void Accept(int token)
    {
        if (MayEnd && _endTokens.Contains(token))
        {
            return;
        }

        var length = _written.Count;
        var next = Step(token);
        if (next.IsNone)
        {
            _written.RemoveRange(length, _written.Count - length);
            throw new InvalidOperationException($"Token {token} is not allowed here.");
        }

        _isAllowedKnown &= ReferenceEquals(next, _stacks);
        _stacks = next;
    }

    private void Add(StackSet stacks, NodeSet from)
    {
        foreach (var frame in stacks.Frames)
        {
            var mask = _vocabulary.Masks.Get(from, frame.State);
            mask.AddTo(_allowed);
            foreach (var token in mask.Undecided)
            {
                if (Allows(token))
                {
                    TokenMask.Add(_allowed, token);
                }
            }

            if (mask.Rest.Nodes.Length > 0)
            {
                Add(frame.Below, mask.Rest);
            }
        }
    }

    private StackSet Step(int token)
    {
        if ((uint)token >= (uint)_vocabulary.Size)
        {
            return StackSet.None;
        }

        if (!_vocabulary.IsText(token))
        {
            return _stepper.Step(_stacks, Symbol.OfToken(token));
        }

        var stacks = _stacks;
        foreach (var value in _vocabulary.Bytes(token))
        {
            _written.Add(value);
            stacks = _stepper.Step(stacks, value);
        }

        return stacks;
    }
}
