using System.Threading.Channels;
using DeepSeekEngine.Model;
using Microsoft.Extensions.Logging;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// The one loop that owns the transformer: requests enter through a channel, are computed together step by step, and answer through
/// channels of their own. It runs on a thread of its own, so that nobody's thread waits for a step.
/// </summary>
internal sealed class Engine : IAsyncDisposable
{
    /// <summary>Requests that wait without their callers waiting.</summary>
    private const int QueueLength = 256;

    private readonly Transformer _transformer;
    private readonly Scheduler _scheduler;
    private readonly ILogger _logger;
    private readonly float[] _logits;
    private readonly int _sampledVocabulary;
    private readonly Channel<Request> _arrivals = Channel.CreateBounded<Request>(
        new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="sampledVocabulary">Tokens with ids from here on do not exist: the model's vocabulary is padded.</param>
    public Engine(Transformer transformer, int maxConcurrentRequests, int prefillChunk, int sampledVocabulary, ILogger logger)
    {
        _transformer = transformer;
        _scheduler = new Scheduler(transformer.Limits, transformer.Cache.Pool, maxConcurrentRequests, prefillChunk);
        _logger = logger;
        _logits = new float[transformer.Config.VocabSize];
        _sampledVocabulary = Math.Min(sampledVocabulary, _logits.Length);
        new Thread(Run) { Name = "DeepSeekEngine", IsBackground = true }.Start();
    }

    /// <exception cref="ObjectDisposedException">The engine has stopped.</exception>
    public async ValueTask SubmitAsync(Request request, CancellationToken cancellationToken)
    {
        try
        {
            await _arrivals.Writer.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(DeepSeekModel));
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
        _stopped.SetResult();
    }

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
        var step = _scheduler.NextStep();
        if (step.Count == 0)
        {
            return;
        }

        try
        {
            _transformer.Forward(step);
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "A step of {Tokens} tokens failed; the requests in it fail with it.", step.Count);
            _scheduler.FailRunning(exception);
            return;
        }

        foreach (var request in _scheduler.Answering)
        {
            try
            {
                _transformer.Logits(request.Output, _logits);
                request.Accept(_logits.AsSpan(0, _sampledVocabulary));
            }
            catch (Exception exception)
            {
                _logger.LogError(exception, "A request failed while its next token was chosen.");
                request.Fail(exception);
            }
        }

        _scheduler.Advance();
    }
}
