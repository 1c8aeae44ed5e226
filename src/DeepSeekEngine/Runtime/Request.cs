using System.Diagnostics;
using System.Threading.Channels;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// One response in the making: its tokens, its place in the cache, and the way from the next token's logits to the caller. Used by
/// the engine loop alone, but for <see cref="Chunks"/>.
/// </summary>
internal sealed class Request
{
    private const int NoDraft = -1;

    // Two more than the longest response: a draft, and what would follow it.
    private readonly int[] _tokens;
    private readonly int _promptLength;
    private readonly bool _limitedByContext;
    private readonly int _maxThinkingTokens;
    private readonly Sampler _sampler;
    private readonly ResponseText _text;
    private readonly LogProbabilities? _logProbabilities;
    private readonly AnswerConstraint? _constraint;
    private readonly int[] _endTokens;
    private readonly RequestTelemetry _telemetry;
    private readonly CancellationToken _cancellationToken;
    private readonly Channel<GenerationChunk> _chunks = Channel.CreateUnbounded<GenerationChunk>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly int[] _closeReasoning;
    private int _closing;
    private int _stepStart;
    private int _tokensInStep;
    private int _draft = NoDraft;
    private int _reasoningTokens;
    private int _cachedPromptTokens;
    private int _draftedTokens;
    private int _acceptedTokens;
    private TimeSpan _timeInQueue;
    private TimeSpan _timeToFirstToken;
    private bool _begun;
    private BlockTable? _table;

    public Request(RequestPlan plan, CancellationToken cancellationToken)
    {
        MaxLength = Math.Min(plan.ContextLength, plan.Prompt.Length + Math.Min(plan.MaxTokens, plan.ContextLength));
        _limitedByContext = plan.MaxTokens > plan.ContextLength - plan.Prompt.Length;
        _tokens = new int[MaxLength + 2];
        plan.Prompt.CopyTo(_tokens, 0);
        _promptLength = TokenCount = plan.Prompt.Length;
        _maxThinkingTokens = plan.MaxThinkingTokens;
        _closeReasoning = plan.CloseReasoning;
        _closing = _closeReasoning.Length;
        _sampler = plan.Sampler;
        _sampler.AddPrompt(plan.Prompt);
        _text = plan.Text;
        _logProbabilities = plan.LogProbabilities;
        _constraint = plan.Constraint;
        _endTokens = plan.EndTokens;
        _telemetry = plan.Telemetry;
        _cancellationToken = cancellationToken;
    }

    public ChannelReader<GenerationChunk> Chunks => _chunks.Reader;

    /// <summary>Tokens the prompt and the longest possible response have together.</summary>
    public int MaxLength { get; }

    /// <summary>Tokens of the prompt and of the response so far.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Tokens that are in the cache.</summary>
    public int Computed { get; private set; }

    /// <summary>Whether all but the last of its tokens are in the cache.</summary>
    public bool IsDecoding => TokenCount > _promptLength && Computed == TokenCount - 1;

    /// <summary>Whether what is computed next is part of the prompt.</summary>
    public bool IsInPrompt => Computed < _promptLength;

    public bool IsFinished { get; private set; }

    /// <summary>Which of the step's outputs is this request's first.</summary>
    public int Output { get; private set; }

    /// <summary>Outputs the request has in the step: one, and one more for a draft.</summary>
    public int OutputCount { get; private set; }

    public BlockTable Table => _table!;

    /// <summary>Cache blocks it still needs for its next token.</summary>
    public int BlocksWanted => Math.Max(0, BlockPool.BlocksFor(TokenCount) - Table.Blocks.Length);

    /// <summary>Begins with what the cache holds of its tokens already.</summary>
    public void Admit(BlockPool pool)
    {
        _table ??= new BlockTable(pool, MaxLength);
        _cachedPromptTokens = _begun ? _cachedPromptTokens : 0;
        Share();
    }

    /// <summary>Takes over what others have computed of its next tokens since; all but the last, which must be computed for its logits.</summary>
    public void Share()
    {
        var shared = Table.Share(_tokens.AsSpan(0, TokenCount - 1));
        Computed += shared;

        // Of what is computed again after a preemption nothing was saved.
        _cachedPromptTokens += TokenCount == _promptLength ? shared : 0;
    }

    /// <summary>Leaves the queue; false if it had left it before.</summary>
    public bool LeaveQueue()
    {
        var first = !_begun;
        _begun = true;
        if (first)
        {
            _timeInQueue = Stopwatch.GetElapsedTime(_started);
        }

        return first;
    }

    /// <summary>Gives up its place in the cache; what it has generated stays, and is computed again.</summary>
    public void Preempt()
    {
        Table.Dispose();
        Computed = 0;
        _draft = NoDraft;
    }

    /// <summary>
    /// The tokens to compute next: while decoding the last one and a draft, else of the prompt, and then of what was generated, up to
    /// the next multiple of the chunk.
    /// </summary>
    public ReadOnlySpan<int> NextTokens(int chunk)
    {
        if (IsDecoding)
        {
            return _tokens.AsSpan(Computed, _draft == NoDraft ? 1 : 2);
        }

        var end = Computed < _promptLength ? _promptLength : TokenCount;
        return _tokens.AsSpan(Computed..(int)Math.Min(end, ((Computed / chunk) + 1L) * chunk));
    }

    /// <summary>
    /// The form in which its next tokens' attention is computed, so that they have the same bits whether they were generated one by one,
    /// in a chunk of the prompt, or beside a shared beginning: expanded where a prompt begins, absorbed what was generated.
    /// </summary>
    public AttentionForm Form(int chunk)
        => Computed >= _promptLength ? AttentionForm.Absorbed : Computed < chunk ? AttentionForm.Expanded : AttentionForm.Cheapest;

    /// <summary>Reserves cache for its next tokens, without the draft if there is no room for that.</summary>
    public bool TryReserve(int chunk)
    {
        if (!Table.TryReserve(Computed + NextTokens(chunk).Length))
        {
            _draft = NoDraft;
            return Table.TryReserve(Computed + NextTokens(chunk).Length);
        }

        return true;
    }

    /// <summary>Whether its part of the step holds the block the other computes next.</summary>
    public bool ComputesNextBlockOf(Request other)
    {
        var end = other.Computed + BlockPool.BlockSize;
        return other.Computed >= Computed && end <= Computed + _tokensInStep && end < other.TokenCount
            && _tokens.AsSpan(0, end).SequenceEqual(other._tokens.AsSpan(0, end));
    }

    public void EnterStep(int tokens, int output, int outputs) => (_stepStart, _tokensInStep, Output, OutputCount) = (Computed, tokens, output, outputs);

    /// <summary>Marks the tokens of the step as computed, up to a draft that proved wrong.</summary>
    public void Advance()
    {
        Computed = Math.Min(Computed + _tokensInStep, TokenCount - 1);
        _tokensInStep = 0;
        _draft = NoDraft;
        Table.Index(_tokens.AsSpan(0, Computed));
    }

    /// <summary>Adds to a step of drafts, for each of its tokens in the last one, the token that follows it.</summary>
    public void AddTo(Batch drafts, in BatchSequence sequence)
        => drafts.Add(
            sequence.Table, _tokens.AsSpan(_stepStart + 1, sequence.Count), sequence.FirstPosition, WantsDraft ? 1 : 0, sequence.Form,
            outputsEnd: WantsDraft ? Computed - _stepStart : null);

    /// <summary>Whether a guess at the token after its last could be verified in its next step.</summary>
    public bool WantsDraft => !IsFinished && IsDecoding && TokenCount + 1 < MaxLength;

    /// <summary>Guesses the token after its last; the next step verifies it.</summary>
    public void Draft(int token)
    {
        _draft = token;
        _tokens[TokenCount] = token;
    }

    /// <summary>Whether all it wants of logits is the most probable token.</summary>
    public bool TakesMostProbable => _sampler.TakesMostProbable && _logProbabilities is null;

    /// <summary>Chooses the next token from its logits and passes on the text it completes.</summary>
    /// <param name="logits">[vocabulary]; overwritten.</param>
    /// <returns>Whether it is the drafted token, so that the logits after that are its too.</returns>
    public bool Accept(Span<float> logits)
    {
        _logProbabilities?.Observe(logits);
        _constraint?.Apply(logits);
        var token = ForcedToken() ?? Steered(_sampler.Sample(logits));
        if (_logProbabilities is not null)
        {
            _text.Append(_logProbabilities.Of(token));
        }

        return Take(token);
    }

    /// <summary>The same where the request <see cref="TakesMostProbable"/>.</summary>
    /// <param name="mostProbable">As <see cref="Backends.IBackend.ArgMax"/> says it.</param>
    /// <returns>Null, with nothing changed, if it may not be the next; else whether it is the drafted token.</returns>
    public bool? TryAccept(int mostProbable)
    {
        var token = ForcedToken() ?? Steered(Sampler.Checked(mostProbable));
        return _constraint is null || _constraint.Allows(token) ? Take(token) : null;
    }

    /// <summary>Whether a list of the largest logits may be enough to choose its next token.</summary>
    public bool TakesTopLogits => _sampler.TakesTopLogits && _logProbabilities is null && _constraint is not { Applies: true };

    /// <summary>What it is sampled with: 1 / T.</summary>
    public float InverseTemperature => _sampler.InverseTemperature;

    /// <summary>The same as for all logits where the request <see cref="TakesTopLogits"/>.</summary>
    /// <param name="list">As <see cref="TopLogit"/> describes it.</param>
    /// <returns>Null, with nothing changed, if the list does not tell; else whether it is the drafted token.</returns>
    public bool? TryAccept(ReadOnlySpan<TopLogit> list)
    {
        var token = ForcedToken() ?? _sampler.SampleTop(list);
        return token < 0 ? null : Take(Steered(token));
    }

    private bool Take(int token)
    {
        var drafted = OutputCount > 1 && TokenCount == _stepStart + 1;
        _draftedTokens += drafted ? 1 : 0;
        drafted &= token == _draft;
        _acceptedTokens += drafted ? 1 : 0;
        _sampler.AddGenerated(token);
        _tokens[TokenCount++] = token;
        var response = TokenCount - _promptLength;
        if (response == 1)
        {
            _timeToFirstToken = Stopwatch.GetElapsedTime(_started);
        }

        if (Array.IndexOf(_endTokens, token) >= 0)
        {
            Finish(_text.HasCalls ? FinishReason.ToolCalls : FinishReason.EndOfText);
            return false;
        }

        var reasoning = _text.InReasoning;
        AppendText(token);
        _reasoningTokens += reasoning || _text.InReasoning ? 1 : 0;
        if (_text.Stopped)
        {
            Finish(FinishReason.StopSequence);
        }
        else if (_text.CallsEnded)
        {
            Finish(FinishReason.ToolCalls);
        }
        else if (_constraint is { MustEnd: true })
        {
            Finish(FinishReason.EndOfText);
        }
        else if (TokenCount == MaxLength)
        {
            Finish(_limitedByContext ? FinishReason.ContextFull : FinishReason.MaxTokens);
        }

        return drafted && !IsFinished;
    }

    private void AppendText(int token)
    {
        if (_constraint is null)
        {
            _text.Append(token, _chunks.Writer);
            return;
        }

        var isText = _constraint.Append(token);
        if (_constraint.InAnswer)
        {
            _text.BeginAnswer();
        }
        else if (_constraint.InReasoning)
        {
            _text.BeginReasoning();
        }
        else
        {
            _closing = _constraint.Closed;
        }

        if (isText)
        {
            _text.Append(token, _chunks.Writer);
        }
    }

    private int Steered(int token) => _constraint?.Steer(token) ?? token;

    /// <summary>Ends the request if its caller has cancelled it.</summary>
    public void ObserveCancellation()
    {
        if (!IsFinished && _cancellationToken.IsCancellationRequested)
        {
            Fail(new OperationCanceledException(_cancellationToken));
        }
    }

    public void Fail(Exception exception)
    {
        if (!IsFinished)
        {
            IsFinished = true;
            _telemetry.Failed(exception);
        }

        _chunks.Writer.TryComplete(exception);
    }

    /// <summary>The next token where it is not the model that chooses it.</summary>
    private int? ForcedToken()
    {
        if (_closing < _closeReasoning.Length)
        {
            return _closeReasoning[_closing++];
        }

        if (_text.InReasoning && _reasoningTokens >= _maxThinkingTokens)
        {
            _closing = 1;
            return _closeReasoning[0];
        }

        return null;
    }

    private void Finish(FinishReason reason)
    {
        IsFinished = true;
        var response = TokenCount - _promptLength;
        var usage = new Usage
        {
            PromptTokens = _promptLength,
            CachedPromptTokens = _cachedPromptTokens,
            ReasoningTokens = _reasoningTokens,
            AnswerTokens = response - _reasoningTokens,
            DraftedTokens = _draftedTokens,
            AcceptedTokens = _acceptedTokens,
            TimeInQueue = _timeInQueue,
            TimeToFirstToken = _timeToFirstToken,
            Duration = Stopwatch.GetElapsedTime(_started),
        };
        _telemetry.Finished(reason, usage);
        _text.Complete(_chunks.Writer, reason, usage);
        _chunks.Writer.TryComplete();
    }
}

/// <summary>What a request is made of.</summary>
internal sealed record RequestPlan
{
    public required int[] Prompt { get; init; }

    public required int ContextLength { get; init; }

    /// <summary>Tokens the response may have.</summary>
    public required int MaxTokens { get; init; }

    public required int MaxThinkingTokens { get; init; }

    /// <summary>The tokens that end the reasoning.</summary>
    public required int[] CloseReasoning { get; init; }

    /// <summary>Tokens that end the response.</summary>
    public required int[] EndTokens { get; init; }

    public required Sampler Sampler { get; init; }

    public required ResponseText Text { get; init; }

    public required RequestTelemetry Telemetry { get; init; }

    /// <summary>Null unless asked for.</summary>
    public LogProbabilities? LogProbabilities { get; init; }

    /// <summary>Null where the answer may be anything.</summary>
    public AnswerConstraint? Constraint { get; init; }
}
