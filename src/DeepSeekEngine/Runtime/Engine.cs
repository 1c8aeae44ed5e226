using System.Diagnostics;
using System.Threading.Channels;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using Microsoft.Extensions.Logging;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// The one loop that owns the transformer: requests enter through a channel, are computed together step by step, and answer through
/// channels of their own. It runs on a thread of its own, so that nobody's thread waits for a step.
/// </summary>
internal sealed class Engine : IAsyncDisposable
{
    private readonly Transformer _transformer;
    private readonly Scheduler _scheduler;
    private readonly ILogger _logger;
    private readonly float[] _logits;
    private readonly int[] _mostProbable;
    private readonly float[] _inverseTemperatures;
    private readonly TopLogit[] _topLogits;
    private bool _hasTopLogits;
    private readonly int _sampledVocabulary;
    private readonly int _maxQueued;
    private readonly SpeculationGovernor _governor;
    private readonly Batch? _drafts;
    private readonly EngineTelemetry _telemetry;
    private readonly Channel<Request> _arrivals = Channel.CreateUnbounded<Request>(new UnboundedChannelOptions { SingleReader = true });
    private long _submitted;
    private long _leftQueue;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="name">The model's name.</param>
    /// <param name="prefillChunk">Prompt tokens a step takes of one request at most.</param>
    /// <param name="sampledVocabulary">Tokens with ids from here on do not exist: the model's vocabulary is padded.</param>
    public Engine(
        string name, Transformer transformer, EngineOptions options, int prefillChunk, int sampledVocabulary, ILogger logger)
    {
        _transformer = transformer;
        _scheduler = new Scheduler(transformer.Limits, transformer.Cache.Pool, options.MaxConcurrentRequests, prefillChunk, transformer.RoundedTokens);
        _logger = logger;
        _logits = new float[transformer.Config.VocabSize];
        _mostProbable = new int[transformer.Limits.Outputs];
        _inverseTemperatures = new float[transformer.Limits.Outputs];
        _topLogits = new TopLogit[transformer.Limits.Outputs * TopLogit.ListLength];
        _sampledVocabulary = Math.Min(sampledVocabulary, _logits.Length);
        _maxQueued = options.MaxQueuedRequests;
        _governor = new SpeculationGovernor(transformer.MtpModules > 0 ? options.SpeculativeDecoding : false);
        _drafts = transformer.MtpModules > 0
            ? new Batch(transformer.Limits.Tokens, transformer.Limits.Sequences, transformer.Limits.Outputs)
            : null;
        _telemetry = new EngineTelemetry(name, Load);

        // Unsafe as in: without what flows with the loading thread, its activity for one.
        new Thread(Run) { Name = "DeepSeekEngine", IsBackground = true }.UnsafeStart();
    }

    /// <summary>Times a request gave up its cache for one that came before it.</summary>
    public long Preemptions => _scheduler.Preemptions;

    /// <summary>What its requests and steps tell.</summary>
    public EngineTelemetry Telemetry => _telemetry;

    /// <exception cref="QueueFullException">Too many requests are waiting.</exception>
    /// <exception cref="ObjectDisposedException">The engine has stopped.</exception>
    public void Submit(Request request)
    {
        if (Interlocked.Increment(ref _submitted) - Volatile.Read(ref _leftQueue) > _maxQueued)
        {
            Interlocked.Decrement(ref _submitted);
            throw Refuse(request, new QueueFullException(_maxQueued));
        }

        if (!_arrivals.Writer.TryWrite(request))
        {
            throw Refuse(request, new ObjectDisposedException(typeof(DeepSeekModel).FullName));
        }
    }

    /// <summary>Stops after the step in progress and fails what was not finished.</summary>
    public async ValueTask DisposeAsync()
    {
        _arrivals.Writer.TryComplete();
        await _stopped.Task.ConfigureAwait(false);
    }

    private void Run()
    {
        Exception end = new ObjectDisposedException(nameof(DeepSeekModel), "The model was disposed before the answer was complete.");
        try
        {
            while (!_arrivals.Reader.Completion.IsCompleted && WaitForWork())
            {
                TakeArrivals();

                // The writer is completed by disposal only, and then what is running is not carried on.
                if (!_arrivals.Reader.Completion.IsCompleted)
                {
                    Step();
                }
            }
        }
        catch (Exception exception)
        {
            // Nothing above this thread could catch it, and a fault of ours must not end the process around us.
            _logger.LogCritical(exception, "The engine has stopped.");
            _arrivals.Writer.TryComplete();
            end = exception;
        }

        TakeArrivals();
        _scheduler.FailAll(end);
        _telemetry.Dispose();
        _stopped.SetResult();
    }

    private static Exception Refuse(Request request, Exception exception)
    {
        request.Fail(exception);
        return exception;
    }

    private EngineLoad Load()
        => new(
            _scheduler.Running,
            Math.Max(0, Volatile.Read(ref _submitted) - Volatile.Read(ref _leftQueue)),
            1 - ((double)_transformer.Cache.Pool.FreeBlocks / _transformer.Cache.Pool.Blocks));

    private void TakeArrivals()
    {
        while (_arrivals.Reader.TryRead(out var request))
        {
            _scheduler.Enqueue(request);
        }
    }

    private bool WaitForWork()
        => _scheduler.HasWork || _arrivals.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult();

    private void Step()
    {
        var started = Stopwatch.GetTimestamp();
        var step = _scheduler.NextStep();
        Volatile.Write(ref _leftQueue, _scheduler.LeftQueue);
        _telemetry.Step(_scheduler.InStep.Length, step.Count, _scheduler.Preemptions);
        if (step.Count == 0)
        {
            return;
        }

        var isDecoding = step.OutputCount == step.Count;
        try
        {
            _transformer.Forward(step);
            ChooseOnDevice(step);
        }
        catch (Exception exception)
        {
            Fail(step, exception);
            return;
        }

        var accepted = 0;
        foreach (var request in _scheduler.Answering)
        {
            accepted += Accept(request);
        }

        _scheduler.Advance();
        if (_governor.IsDrafting)
        {
            try
            {
                Draft(step);
            }
            catch (Exception exception)
            {
                Fail(step, exception);
                return;
            }
        }

        if (isDecoding)
        {
            _governor.Decoded(accepted, Stopwatch.GetElapsedTime(started));
        }
    }

    /// <summary>Chooses a request's next token, and the one after that where it was drafted rightly.</summary>
    /// <returns>Tokens chosen.</returns>
    private int Accept(Request request)
    {
        var accepted = 0;
        try
        {
            bool another;
            do
            {
                another = AcceptOutput(request, request.Output + accepted);
                accepted++;
            }
            while (another && accepted < request.OutputCount);
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "A request failed while its next token was chosen.");
            request.Fail(exception);
        }

        return accepted;
    }

    /// <summary>
    /// Brings the most probable tokens of the step's outputs here, or their largest logits, where a request wants no more than that.
    /// </summary>
    private void ChooseOnDevice(Batch step)
    {
        var (wantsMostProbable, wantsTopLogits) = (false, false);
        foreach (var request in _scheduler.Answering)
        {
            wantsMostProbable |= request.TakesMostProbable;
            wantsTopLogits |= request.TakesTopLogits;
            _inverseTemperatures.AsSpan(request.Output, request.OutputCount).Fill(request.TakesTopLogits ? request.InverseTemperature : 1);
        }

        if (wantsMostProbable)
        {
            _transformer.MostProbable(_mostProbable.AsSpan(0, step.OutputCount), _sampledVocabulary);
        }

        _hasTopLogits = wantsTopLogits && _transformer.TryTopLogits(
            _inverseTemperatures.AsSpan(0, step.OutputCount),
            _topLogits.AsSpan(0, step.OutputCount * TopLogit.ListLength), _sampledVocabulary);
    }

    private bool AcceptOutput(Request request, int output)
    {
        if (request.TakesMostProbable && request.TryAccept(_mostProbable[output]) is { } isMostProbableDrafted)
        {
            return isMostProbableDrafted;
        }

        if (_hasTopLogits && request.TakesTopLogits
            && request.TryAccept(_topLogits.AsSpan(output * TopLogit.ListLength, TopLogit.ListLength)) is { } isDrafted)
        {
            return isDrafted;
        }

        _transformer.Logits(output, _logits);
        return request.Accept(_logits.AsSpan(0, _sampledVocabulary));
    }

    /// <summary>
    /// Lets the multi-token-prediction module follow the step, so that its cache keeps up with the model's, and guess the token after
    /// the next of those who can use it.
    /// </summary>
    private void Draft(Batch step)
    {
        _drafts!.Clear();
        _drafts.MayRound = step.MayRound;
        for (var i = 0; i < _scheduler.InStep.Length; i++)
        {
            _scheduler.InStep[i].AddTo(_drafts, step.Sequences[i]);
        }

        _transformer.Draft(_drafts);
        _transformer.MostProbable(_mostProbable.AsSpan(0, _drafts.OutputCount), _sampledVocabulary);
        var output = 0;
        foreach (var request in _scheduler.InStep)
        {
            if (request.WantsDraft)
            {
                // Where there is none, any guess will do: the next step verifies it.
                request.Draft(Math.Max(0, _mostProbable[output++]));
            }
        }
    }

    private void Fail(Batch step, Exception exception)
    {
        _logger.LogError(exception, "A step of {Tokens} tokens failed; the requests in it fail with it.", step.Count);
        _scheduler.FailRunning(exception);
    }
}
