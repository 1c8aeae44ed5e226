using System.Diagnostics;
using System.Threading.Channels;
using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// One response in the making: its tokens, its place in the cache, and the way from the next token's logits to the caller. Used by
/// the engine loop alone, but for <see cref="Chunks"/>.
/// </summary>
internal sealed class Request
{
    private readonly int[] _tokens;
    private readonly int _promptLength;
    private readonly bool _limitedByContext;
    private readonly int _maxThinkingTokens;
    private readonly Sampler _sampler;
    private readonly ResponseText _text;
    private readonly int[] _endTokens;
    private readonly CancellationToken _cancellationToken;
    private readonly Channel<GenerationChunk> _chunks = Channel.CreateUnbounded<GenerationChunk>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly int[] _closeReasoning;
    private int _closing;
    private int _tokensInStep;
    private int _reasoningTokens;
    private TimeSpan _timeToFirstToken;
    private BlockTable? _table;

    public Request(RequestPlan plan, CancellationToken cancellationToken)
    {
        MaxLength = Math.Min(plan.ContextLength, plan.Prompt.Length + Math.Min(plan.MaxTokens, plan.ContextLength));
        _limitedByContext = plan.MaxTokens > plan.ContextLength - plan.Prompt.Length;
        _tokens = new int[MaxLength];
        plan.Prompt.CopyTo(_tokens, 0);
        _promptLength = TokenCount = plan.Prompt.Length;
        _maxThinkingTokens = plan.MaxThinkingTokens;
        _closeReasoning = plan.CloseReasoning;
        _closing = _closeReasoning.Length;
        _sampler = plan.Sampler;
        _sampler.AddPrompt(plan.Prompt);
        _text = plan.Text;
        _endTokens = plan.EndTokens;
        _cancellationToken = cancellationToken;
    }

    public ChannelReader<GenerationChunk> Chunks => _chunks.Reader;

    /// <summary>Tokens the prompt and the longest possible response have together.</summary>
    public int MaxLength { get; }

    /// <summary>Tokens of the prompt and of the response so far.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Tokens that are in the cache.</summary>
    public int Computed { get; private set; }

    public bool IsDecoding => Computed >= _promptLength;

    public bool IsFinished { get; private set; }

    /// <summary>Which of the step's outputs is this request's.</summary>
    public int Output { get; private set; }

    public BlockTable Table => _table!;

    /// <summary>Takes the cache blocks of the longest possible response.</summary>
    public void Admit(BlockPool pool)
    {
        _table = new BlockTable(pool, MaxLength);
        _table.Reserve(MaxLength);
    }

    /// <summary>The tokens to compute next: one while decoding, of the prompt up to the next multiple of the chunk.</summary>
    public ReadOnlySpan<int> NextTokens(int chunk)
        => _tokens.AsSpan(Computed..Math.Min(TokenCount, ((Computed / chunk) + 1) * chunk));

    public void InStep(int tokens, int output) => (_tokensInStep, Output) = (tokens, output);

    /// <summary>Marks the tokens of the step as computed.</summary>
    public void Advance()
    {
        Computed += _tokensInStep;
        _tokensInStep = 0;
    }

    /// <summary>Chooses the next token from its logits and passes on the text it completes.</summary>
    /// <param name="logits">[vocabulary]; overwritten.</param>
    public void Accept(Span<float> logits)
    {
        var token = NextToken(logits);
        _sampler.AddGenerated(token);
        _tokens[TokenCount++] = token;
        var response = TokenCount - _promptLength;
        if (response == 1)
        {
            _timeToFirstToken = Stopwatch.GetElapsedTime(_started);
        }

        if (Array.IndexOf(_endTokens, token) >= 0)
        {
            Finish(FinishReason.EndOfText);
            return;
        }

        var reasoning = _text.InReasoning;
        _text.Append(token, _chunks.Writer);
        _reasoningTokens += reasoning || _text.InReasoning ? 1 : 0;
        if (_text.Stopped)
        {
            Finish(FinishReason.StopSequence);
        }
        else if (TokenCount == MaxLength)
        {
            Finish(_limitedByContext ? FinishReason.ContextFull : FinishReason.MaxTokens);
        }
    }

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
        IsFinished = true;
        _chunks.Writer.TryComplete(exception);
    }

    private int NextToken(Span<float> logits)
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

        return _sampler.Sample(logits);
    }

    private void Finish(FinishReason reason)
    {
        IsFinished = true;
        var response = TokenCount - _promptLength;
        _text.Complete(_chunks.Writer, reason, new Usage
        {
            PromptTokens = _promptLength,
            ReasoningTokens = _reasoningTokens,
            AnswerTokens = response - _reasoningTokens,
            TimeToFirstToken = _timeToFirstToken,
            Duration = Stopwatch.GetElapsedTime(_started),
        });
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
}
