using Spectre.Console;

namespace DeepSeekEngine.Tool;

/// <summary>Where the program reads from and writes to, and what Ctrl-C does.</summary>
internal sealed class Terminal
{
    private readonly Lock _interrupting = new();
    private Func<bool>? _onInterrupt;

    /// <summary>Lines from the keyboard or from a file or pipe.</summary>
    public required TextReader Input { get; init; }

    /// <summary>What was asked for: answers and reports.</summary>
    public required IAnsiConsole Output { get; init; }

    /// <summary>Progress and problems.</summary>
    public required IAnsiConsole Error { get; init; }

    /// <summary>Whether somebody types and looks, rather than a script.</summary>
    public bool IsInteractive { get; init; }

    /// <summary>Whether <see cref="Output"/> is a screen and not a file or pipe, which get only what was asked for, without styles.</summary>
    public bool HasScreen { get; init; }

    /// <summary>Whether <see cref="Error"/> is a screen, on which somebody may want to see how far things are.</summary>
    public bool ShowsProgress { get; init; }

    public static Terminal OfProcess()
    {
        if (Console.IsOutputRedirected)
        {
            // There is no edge at which a line would have to break.
            AnsiConsole.Console.Profile.Width = 1000;
        }

        return new Terminal
        {
            Input = Console.In,
            Output = AnsiConsole.Console,
            Error = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }),
            IsInteractive = !Console.IsInputRedirected && !Console.IsOutputRedirected,
            HasScreen = !Console.IsOutputRedirected,
            ShowsProgress = !Console.IsErrorRedirected,
        };
    }

    /// <summary>Ctrl-C was pressed. False where nobody takes care of it, so that the process is to end.</summary>
    public bool Interrupt()
    {
        lock (_interrupting)
        {
            return _onInterrupt?.Invoke() ?? false;
        }
    }

    /// <summary>Lets Ctrl-C do something else from now on; null: end the process.</summary>
    public void OnInterrupt(Func<bool>? handler)
    {
        lock (_interrupting)
        {
            _onInterrupt = handler;
        }
    }

    /// <summary>Does something that Ctrl-C cancels, so that it can tidy up before the process ends.</summary>
    public async Task<T> CancellableAsync<T>(Func<CancellationToken, Task<T>> work)
    {
        var cancellation = new CancellationTokenSource();
        OnInterrupt(() =>
        {
            // Not here: the thread would go on with whatever waits for the cancellation.
            _ = cancellation.CancelAsync();
            return true;
        });
        try
        {
            return await work(cancellation.Token);
        }
        finally
        {
            OnInterrupt(null);
        }
    }

    /// <summary>Writes text exactly as it is, however wide the screen.</summary>
    public void Write(string text, Style style) => Write(Output, text, style);

    /// <inheritdoc cref="Write(string, Style)"/>
    public void WriteLine(string line) => Write(Output, $"{line}\n", Style.Plain);

    /// <summary>Says something that was not asked for, to whoever looks.</summary>
    public void Remark(string text)
    {
        if (ShowsProgress)
        {
            Write(Error, $"{text}\n", Styles.Note);
        }
    }

    /// <summary>Reports a problem.</summary>
    public void Fail(string problem) => Write(Error, $"{problem}\n", Styles.Problem);

    private static void Write(IAnsiConsole console, string text, Style style)
    {
        if (console.Profile.Capabilities.Ansi)
        {
            console.WriteAnsi(writer => writer.Write(text, style));
        }
        else
        {
            console.Profile.Out.Writer.Write(text);
        }
    }
}
