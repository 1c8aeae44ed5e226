using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>
/// Holds the application's model: loads it once, on a thread of its own, gives it to whoever awaits it, and disposes it. Loading begins
/// when the application starts or somebody asks, whichever is first. All members may be called from any thread, and none blocks.
/// </summary>
public sealed class DeepSeekModelHost : IAsyncDisposable
{
    private readonly DeepSeekEngineOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task<DeepSeekModel>? _loading;
    private Task? _disposal;
    private LoadProgress _progress;

    /// <summary>Creates the host; nothing is loaded yet.</summary>
    /// <param name="options">Which model and how to run it.</param>
    /// <param name="loggers">Where loading and the engine log to; null: nowhere.</param>
    /// <exception cref="OptionsValidationException">The options are not valid.</exception>
    public DeepSeekModelHost(IOptions<DeepSeekEngineOptions> options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Value;
        _loggers = loggers ?? NullLoggerFactory.Instance;
        _logger = _loggers.CreateLogger<DeepSeekModelHost>();
    }

    /// <summary>The model, if it is loaded and not disposed.</summary>
    public DeepSeekModel? Model
    {
        get
        {
            lock (_gate)
            {
                return _disposal is null && _loading is { IsCompletedSuccessfully: true } ? _loading.Result : null;
            }
        }
    }

    /// <summary>How far loading is.</summary>
    public LoadProgress Progress
    {
        get
        {
            lock (_gate)
            {
                return _progress;
            }
        }
    }

    /// <summary>Why loading failed; null while it has not. A model that failed to load is not loaded again.</summary>
    public Exception? Failure => Volatile.Read(ref _loading)?.Exception?.InnerException;

    /// <summary>The model, once it is loaded.</summary>
    /// <param name="cancellationToken">Stops waiting; loading goes on.</param>
    /// <exception cref="DeepSeekException">Loading failed.</exception>
    /// <exception cref="ObjectDisposedException">The application is stopping.</exception>
    /// <exception cref="OperationCanceledException">Waiting was cancelled.</exception>
    public Task<DeepSeekModel> GetAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            _loading ??= LoadAsync();
            return _loading.WaitAsync(cancellationToken);
        }
    }

    /// <summary>
    /// The model as a chat client that waits until it is loaded; see
    /// <see cref="DeepSeekChatClientExtensions.AsChatClient(DeepSeekModel, string?)"/>.
    /// </summary>
    public IChatClient AsChatClient() => new DeepSeekChatClient(GetAsync, () => Model, _options.ResolvedModelId);

    /// <summary>Stops loading, or fails the requests in progress, and frees the model.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposal ??= FreeAsync(_loading);
            return new ValueTask(_disposal);
        }
    }

    private async Task<DeepSeekModel> LoadAsync()
    {
        try
        {
            return await DeepSeekModel.LoadAsync(
                _options.Directory, _options.ToEngineOptions() with { LoggerFactory = _loggers }, new ProgressLog(this), _stopping.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(DeepSeekModelHost), "The application stopped before the model was loaded.");
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "Loading {Directory} failed.", _options.Directory);
            throw;
        }
    }

    private async Task FreeAsync(Task<DeepSeekModel>? loading)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (loading is not null)
        {
            await ((Task)loading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (loading.IsCompletedSuccessfully)
            {
                await loading.Result.DisposeAsync().ConfigureAwait(false);
            }
        }

        _stopping.Dispose();
    }

    /// <summary>Logs each stage, and each tenth of the weights.</summary>
    private sealed class ProgressLog(DeepSeekModelHost host) : IProgress<LoadProgress>
    {
        private (LoadStage Stage, int Tenth)? _logged;

        public void Report(LoadProgress value)
        {
            lock (host._gate)
            {
                host._progress = value;
            }

            var now = (value.Stage, Tenth: (int)(value.Fraction * 10));
            if (_logged != now)
            {
                _logged = now;
                host._logger.LogInformation(
                    "Loading {Directory}: {Stage}, {Percent} % of {Bytes:N0} bytes.", host._options.Directory, value.Stage, now.Tenth * 10,
                    value.BytesTotal);
            }
        }
    }
}
