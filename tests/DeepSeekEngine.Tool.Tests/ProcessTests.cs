using System.Diagnostics;
using System.Text;
using System.Text.Json;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tool.Tests;

/// <summary>The program as a shell runs it.</summary>
public sealed class ProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "deepseek.dll");

    [Test]
    public async Task Piped_questions_are_answered()
    {
        var (code, output, error) = await RunAsync("What is 47 + 58?\n/reset\nAdd 653 and 509.\n", "chat", TestPaths.TinyR1);
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Is.EqualTo("47 + 58 = 105\n653 + 509 = 1162\n"));
        Assert.That(error, Is.Empty);
    }

    [Test]
    public async Task Json_is_what_a_script_can_read()
    {
        var (code, output, _) = await RunAsync("", "chat", TestPaths.TinyR1, "What is 47 + 58?", "--json");
        Assert.That(code, Is.Zero);
        Assert.That(JsonDocument.Parse(output).RootElement.GetProperty("answer").GetString(), Is.EqualTo("47 + 58 = 105"));
    }

    [Test]
    public async Task Inspect_breaks_no_lines_where_there_is_no_screen()
    {
        var (code, output, _) = await RunAsync("", "inspect", TestPaths.TinyR1);
        Assert.That(code, Is.Zero);
        Assert.That(output, Does.Contain("1.62 million, of which a token uses 0.96 million; 0.63 million more of multi-token prediction"));
        Assert.That(output, Does.Not.Contain("\e"));
    }

    [TestCase(2, "chat")]
    [TestCase(2, "unknown")]
    [TestCase(1, "inspect", "no-such-directory")]
    [TestCase(0, "--help")]
    public async Task The_exit_code_says_how_it_went(int expected, params string[] args)
        => Assert.That((await RunAsync("", args)).Code, Is.EqualTo(expected));

    // "script" gives the program a terminal of its own; the character Ctrl-C types is what makes a terminal send the signal.
    [Test, Platform("Linux")]
    public async Task On_a_terminal_Ctrl_C_stops_the_answer_and_twice_at_the_prompt_the_program()
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.Write(directory.Path, ("max_position_embeddings", 8192));
        var start = new ProcessStartInfo("script", ["-qec", $"dotnet '{Tool}' chat '{directory.Path}' --temperature 0 --max-tokens 8000", "/dev/null"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment["TERM"] = "xterm-256color";
        using var process = Process.Start(start)!;
        var screen = new Screen(process.StandardOutput);

        await screen.WaitForAsync("> ");
        do
        {
            // On a busy machine an answer can end before it is stopped: then this was the first at the prompt, and there is another question.
            await TypeAsync("Talk.\r");
            await screen.WaitForAsync("\e[2m");
            await TypeAsync("\u0003");
        }
        while (await screen.WaitForAsync("[stopped", "Ctrl-C again") == 1);
        await TypeAsync("/help\r");
        await screen.WaitForAsync("/save FILE");
        await TypeAsync("\u0003");
        await screen.WaitForAsync("Ctrl-C again");
        await TypeAsync("\u0003");
        using var patience = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(patience.Token);
        Assert.That(process.ExitCode, Is.EqualTo(CommandLine.Interrupted), screen.ToString());

        async Task TypeAsync(string keys)
        {
            await process.StandardInput.WriteAsync(keys);
            await process.StandardInput.FlushAsync();
        }
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string input, params string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Tool, .. args])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.UTF8,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await error);
    }

    /// <summary>What a program has written so far.</summary>
    private sealed class Screen
    {
        private readonly StringBuilder _text = new();

        public Screen(StreamReader output) => _ = Task.Run(async () =>
        {
            var buffer = new char[256];
            while (await output.ReadAsync(buffer) is > 0 and var count)
            {
                lock (_text)
                {
                    _text.Append(buffer, 0, count);
                }
            }
        });

        /// <summary>Waits until one of the texts was written since the last wait.</summary>
        /// <returns>Which.</returns>
        public async Task<int> WaitForAsync(params string[] texts)
        {
            for (var watch = Stopwatch.StartNew(); watch.Elapsed < Patience; await Task.Delay(10))
            {
                lock (_text)
                {
                    var written = Array.FindIndex(texts, _text.ToString().Contains);
                    if (written >= 0)
                    {
                        _text.Clear();
                        return written;
                    }
                }
            }

            throw new TimeoutException($"'{string.Join("' or '", texts)}' did not appear in: {this}");
        }

        public override string ToString()
        {
            lock (_text)
            {
                return _text.ToString();
            }
        }
    }
}
