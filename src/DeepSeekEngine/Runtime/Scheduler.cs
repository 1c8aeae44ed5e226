using System.Runtime.InteropServices;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Decides what each step computes: first the next token of every request that is decoding, then chunks of the prompts of those that are
/// not yet, in order of arrival. Where a prompt is cut depends on the prompt alone, so that what else is in the step never changes a
/// request's arithmetic. Cache blocks are taken as they are needed; where they run out, the request that came last gives up its own
/// and is computed again later. Long chunks of prompts that a device rounds and all else take turns in steps of their own, for the same
/// reason.
/// </summary>
/// <remarks>
/// Nobody waits for who came later: requests begin in the order they came, those that gave up their blocks before those that have not
/// begun, and before anyone else takes a block the earliest has those of its next tokens. The earliest therefore advances in every step,
/// and each has ended after no more steps than it and all that came before it would take one after the other. With cache enough, every
/// step has the next token of each decoding request and the next chunk of a prompt, so neither keeps the other waiting; where they take
/// turns, every two steps have, and the earliest advances in one of two.
/// </remarks>
internal sealed class Scheduler
{
    private readonly BlockPool _pool;
    private readonly int _maxRunning;
    private readonly int _prefillChunk;
    private readonly int _roundedTokens;
    private bool _isRoundedTurn;
    private readonly List<Request> _waiting = [];
    private readonly List<Request> _running = [];
    private readonly List<Request> _inStep = [];
    private readonly List<Request> _answering = [];
    private readonly Batch _batch;

    /// <param name="roundedTokens">Tokens of a prompt from which on a chunk is computed in a step of nothing but its like.</param>
    public Scheduler(in StepLimits limits, BlockPool pool, int maxRunning, int prefillChunk, int roundedTokens = int.MaxValue)
    {
        _roundedTokens = roundedTokens;
        _pool = pool;
        _maxRunning = maxRunning;
        _prefillChunk = prefillChunk;
        _batch = new Batch(limits.Tokens, limits.Sequences, limits.Outputs);
    }

    public bool HasWork => _running.Count > 0 || _waiting.Count > 0;

    public int Running => _running.Count;

    /// <summary>Requests that have begun, or ended before they could, since the scheduler was made.</summary>
    public long LeftQueue { get; private set; }

    /// <summary>Times a request gave up its cache for one that came before it.</summary>
    public long Preemptions { get; private set; }

    /// <summary>The requests of the current step in the order of its rows.</summary>
    public ReadOnlySpan<Request> InStep => CollectionsMarshal.AsSpan(_inStep);

    /// <summary>Those of them the step computes a next token for; <see cref="Request.Output"/> says where.</summary>
    public ReadOnlySpan<Request> Answering => CollectionsMarshal.AsSpan(_answering);

    public void Enqueue(Request request) => _waiting.Add(request);

    /// <summary>Retires what is finished or cancelled, admits what fits, and lays out the next step; an empty one if there is no work.</summary>
    public Batch NextStep()
    {
        Retire();
        _batch.Clear();
        _inStep.Clear();
        _answering.Clear();
        if (_running is [{ IsDecoding: false } earliest, ..])
        {
            earliest.Share();
            ReserveForPrompt(earliest);
        }

        _isRoundedTurn = !_isRoundedTurn && _roundedTokens < int.MaxValue;
        LayOut();
        if (_batch.Count == 0 && _roundedTokens < int.MaxValue)
        {
            _isRoundedTurn = !_isRoundedTurn;
            LayOut();
        }

        _batch.MayRound = _isRoundedTurn;
        return _batch;
    }

    /// <summary>Marks the step's tokens as computed.</summary>
    public void Advance()
    {
        foreach (var request in _inStep)
        {
            request.Advance();
        }
    }

    public void FailRunning(Exception exception)
    {
        foreach (var request in _running)
        {
            request.Fail(exception);
        }

        Retire();
    }

    public void FailAll(Exception exception)
    {
        foreach (var request in _waiting)
        {
            request.Fail(exception);
        }

        FailRunning(exception);
    }

    private void LayOut()
    {
        for (var i = 0; i < _running.Count && !_isRoundedTurn; i++)
        {
            if (_running[i].IsDecoding && ReserveForDecoding(i))
            {
                AddToStep(_running[i]);
            }
        }

        Admit();
        for (var i = 0; i < _running.Count; i++)
        {
            var request = _running[i];
            if (request.IsDecoding)
            {
                continue;
            }

            request.Share();
            if (IsRounded(request) == _isRoundedTurn
                && request.NextTokens(_prefillChunk).Length <= _batch.MaxTokens - _batch.Count && !IsComputedByAnother(request)
                && ReserveForPrompt(request))
            {
                AddToStep(request);
            }
        }
    }

    /// <summary>
    /// Whether what a request needs next is rounded. What it produced never is, not even where it is computed again all at once.
    /// </summary>
    private bool IsRounded(Request request)
        => request.IsInPrompt && request.NextTokens(_prefillChunk).Length >= _roundedTokens;

    private void AddToStep(Request request)
    {
        var tokens = request.NextTokens(_prefillChunk);
        var outputs = Math.Max(0, request.Computed + tokens.Length + 1 - request.TokenCount);
        var output = _batch.Add(request.Table, tokens, request.Computed, outputs, request.Form(_prefillChunk));
        request.EnterStep(tokens.Length, output, outputs);
        _inStep.Add(request);
        if (outputs > 0)
        {
            _answering.Add(request);
        }
    }

    private void Retire()
    {
        for (var i = _running.Count - 1; i >= 0; i--)
        {
            _running[i].ObserveCancellation();
            if (_running[i].IsFinished)
            {
                _running[i].Table.Dispose();
                _running.RemoveAt(i);
            }
        }

        for (var i = _waiting.Count - 1; i >= 0; i--)
        {
            _waiting[i].ObserveCancellation();
            if (_waiting[i].IsFinished)
            {
                LeaveQueue(i);
            }
        }
    }

    private void Admit()
    {
        // What runs must be able to finish its prompt without taking blocks from anyone.
        long promised = 0;
        foreach (var request in _running)
        {
            promised += request.BlocksWanted;
        }

        while (_running.Count < _maxRunning && _waiting.Count > 0)
        {
            var request = _waiting[0];
            request.Admit(_pool);
            if (promised + request.BlocksWanted > _pool.FreeBlocks)
            {
                request.Preempt();
                return;
            }

            promised += request.BlocksWanted;
            _running.Add(request);
            LeaveQueue(0);
        }
    }

    /// <summary>Takes a request from the waiting; counts it where it is not one that ran before.</summary>
    private void LeaveQueue(int index)
    {
        LeftQueue += _waiting[index].LeaveQueue() ? 1 : 0;
        _waiting.RemoveAt(index);
    }

    /// <summary>
    /// Reserves the blocks of running request <paramref name="index"/>'s next token, if need be at the cost of those that came after;
    /// false if none did and it gave up its own.
    /// </summary>
    private bool ReserveForDecoding(int index)
    {
        var request = _running[index];
        while (!request.TryReserve(_prefillChunk))
        {
            PreemptLast();
            if (_running.Count == index)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Reserves the blocks of a part of a prompt. While others decode it can wait for them to finish; if nothing can be computed, those
    /// that came after it make room.
    /// </summary>
    private bool ReserveForPrompt(Request request)
    {
        while (!request.TryReserve(_prefillChunk))
        {
            if (_batch.Count > 0 || _running[^1] == request || (_isRoundedTurn && _running.Exists(static other => other.IsDecoding)))
            {
                return false;
            }

            PreemptLast();
        }

        return true;
    }

    private void PreemptLast()
    {
        var request = _running[^1];
        _running.RemoveAt(_running.Count - 1);
        request.Preempt();
        _waiting.Insert(0, request);
        Preemptions++;
    }

    /// <summary>
    /// Whether this step computes, for another request, the very block this one would compute next: then it waits a step and shares it.
    /// </summary>
    private bool IsComputedByAnother(Request request)
    {
        foreach (var other in _inStep)
        {
            if (other.ComputesNextBlockOf(request))
            {
                return true;
            }
        }

        return false;
    }
}
