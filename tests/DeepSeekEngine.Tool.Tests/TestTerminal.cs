using Spectre.Console.Testing;

namespace DeepSeekEngine.Tool.Tests;

/// <summary>A terminal whose input is given and whose output is kept.</summary>
internal sealed class TestTerminal
{
    private readonly TestConsole _output = new();
    private readonly TestConsole _error = new();

    /// <param name="screen">Whether there is somebody who types and looks; otherwise everything is files and pipes.</param>
    /// <param name="input">What is typed or piped.</param>
    public TestTerminal(bool screen, params string[] input)
        : this(screen, new StringReader(string.Join('\n', input)))
    {
    }

    public TestTerminal(bool screen, TextReader input)
    {
        _output.Profile.Width = _error.Profile.Width = 1000;
        _output.Profile.Capabilities.Ansi = screen;
        _error.Profile.Capabilities.Ansi = false;
        if (screen)
        {
            _output.EmitAnsiSequences();
        }

        Terminal = new Terminal
        {
            Input = input, Output = _output, Error = _error, IsInteractive = screen, HasScreen = screen, ShowsProgress = screen,
        };
    }

    public Terminal Terminal { get; }

    public string Output => _output.Output;

    public string Error => _error.Output;

    public Task<int> RunAsync(params string[] args) => CommandLine.RunAsync(args, Terminal);
}
