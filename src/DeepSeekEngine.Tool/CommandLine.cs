using System.CommandLine;
using System.CommandLine.Invocation;
using DeepSeekEngine.Tool.Chat;

namespace DeepSeekEngine.Tool;

/// <summary>The command <c>deepseek</c>.</summary>
internal static class CommandLine
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int NotUnderstood = 2;

    /// <summary>What a shell reports of a program that Ctrl-C ended: 128 and the number of the signal.</summary>
    public const int Interrupted = 130;

    /// <summary>Parses and runs a command line.</summary>
    /// <returns>The exit code of the process.</returns>
    public static async Task<int> RunAsync(string[] args, Terminal terminal)
    {
        var parsed = Create(terminal).Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var error in parsed.Errors)
            {
                terminal.Fail(error.Message);
            }

            terminal.Fail($"See: {HelpOf(parsed.CommandResult.Command)}");
            return NotUnderstood;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = terminal.Output.Profile.Out.Writer,
            });
        }
        catch (Exception exception) when (exception is DeepSeekException or IOException or UnauthorizedAccessException)
        {
            terminal.Fail(exception.Message);
            return Failure;
        }
        catch (ArgumentException exception)
        {
            // What only the model can judge, such as a context longer than it was made for.
            terminal.Fail(exception.Message.Split(" (Parameter")[0]);
            return NotUnderstood;
        }
        catch (OperationCanceledException)
        {
            terminal.Fail("Cancelled.");
            return Interrupted;
        }
    }

    public static RootCommand Create(Terminal terminal) =>
        new("Runs models of the DeepSeek-R1 family from the directory they were published in.")
        {
            ChatCommand.Create(terminal), InspectCommand.Create(terminal), PackCommand.Create(terminal), BenchCommand.Create(terminal),
        };

    private static string HelpOf(Command command) => command is RootCommand ? "deepseek --help" : $"deepseek {command.Name} --help";
}
