using System.Runtime.InteropServices;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Decides what each step computes: first one token for every request that is decoding, then chunks of the prompts of those that are
/// not yet, in order of arrival. Where a prompt is cut depends on the prompt alone, so that what else is in the step never changes a
/// request's arithmetic.
/// </summary>
internal sealed class Scheduler
{
    private readonly BlockPool _pool;
    private readonly int _maxRunning;
    private readonly int _prefillChunk;
    private readonly Queue<Request> _waiting = new();
    private readonly List<Request> _running = [];
    private readonly List<Request> _answering = [];
    private readonly Batch _batch;

    public Scheduler(in StepLimits limits, BlockPool pool, int maxRunning, int prefillChunk)
    {
        _pool = pool;
        _maxRunning = maxRunning;
        _prefillChunk = prefillChunk;
        _batch = new Batch(limits.Tokens, limits.Sequences, limits.Outputs);
    }

    public bool HasWork => _running.Count > 0 || _waiting.Count > 0;

    /// <summary>The requests the current step computes a next token for; <see cref="Request.Output"/> says where.</summary>
    public ReadOnlySpan<Request> Answering => CollectionsMarshal.AsSpan(_answering);

    public void Enqueue(Request request) => _waiting.Enqueue(request);

    /// <summary>Retires what is finished or cancelled, admits what fits, and lays out the next step; an empty one if there is no work.</summary>
    public Batch NextStep()
    {
        Retire();
        Admit();
        _batch.Clear();
        _answering.Clear();
        foreach (var request in _running)
        {
            if (request.IsDecoding)
            {
                AddToStep(request);
            }
        }

        foreach (var request in _running)
        {
            if (!request.IsDecoding && request.NextTokens(_prefillChunk).Length <= _batch.MaxTokens - _batch.Count)
            {
                AddToStep(request);
            }
        }

        return _batch;
    }

    /// <summary>Marks the step's tokens as computed.</summary>
    public void Advance()
    {
        foreach (var request in _running)
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
        FailRunning(exception);
        while (_waiting.TryDequeue(out var request))
        {
            request.Fail(exception);
        }
    }

    private void AddToStep(Request request)
    {
        var tokens = request.NextTokens(_prefillChunk);
        var answers = request.Computed + tokens.Length == request.TokenCount;
        var output = _batch.Add(request.Table, tokens, request.Computed, outputs: answers ? 1 : 0);
        request.InStep(tokens.Length, output);
        if (answers)
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
    }

    private void Admit()
    {
        while (_running.Count < _maxRunning && _waiting.TryPeek(out var request))
        {
            request.ObserveCancellation();
            if (!request.IsFinished)
            {
                // All blocks the request can come to need are taken at once: what is admitted can always be finished.
                if (BlockPool.BlocksFor(request.MaxLength) > _pool.FreeBlocks)
                {
                    return;
                }

                request.Admit(_pool);
                _running.Add(request);
            }

            _waiting.Dequeue();
        }
    }
}
