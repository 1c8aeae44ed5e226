using Microsoft.Extensions.Logging;

namespace DeepSeekEngine.Testing;

/// <summary>Keeps what is logged, and holds the thread that loads at a certain stage.</summary>
public sealed class RecordingLogger : ILoggerProvider, ILogger
{
    private readonly List<string> _lines = [];

    public string? HoldAt { get; init; }

    public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ManualResetEventSlim Release { get; } = new();

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var line = formatter(state, exception);
        lock (_lines)
        {
            _lines.Add(line);
        }

        if (HoldAt is not null && line.StartsWith("Loading ", StringComparison.Ordinal) && line.Contains(HoldAt, StringComparison.Ordinal))
        {
            Held.TrySetResult();
            Release.Wait();
        }
    }

    public void Dispose()
    {
    }
}
