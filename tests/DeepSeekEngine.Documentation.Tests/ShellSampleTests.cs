using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>
/// Every command of README.md and docs: what calls the tool is run, on the sample model; of what takes long, needs other machines or is
/// run by CI, it is checked that there is such a script, command or option.
/// </summary>
[Platform(Exclude = "Win", Reason = "The commands are written for a POSIX shell.")]
public sealed partial class ShellSampleTests
{
    private const string Benchmarks = "dotnet run -c Release --project benchmarks/DeepSeekEngine.Benchmarks -- ";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static IEnumerable<TestCaseData> Blocks()
        => Document.All.SelectMany(document => document.Blocks).Where(block => block.Language is "" or "sh")
            .Select(block => new TestCaseData(block).SetArgDisplayNames(block.ToString()));

    [TestCaseSource(nameof(Blocks))]
    public async Task Commands_do_what_they_are_shown_for(object sample)
    {
        var block = (Block)sample;
        using var models = new ModelsFolder();
        Directory.CreateSymbolicLink(Path.Combine(models.Path, "samples"), Path.Combine(TestPaths.RepositoryRoot, "samples"));
        var printed = new StringBuilder();
        foreach (var command in Commands(block))
        {
            if (Tool().IsMatch(command))
            {
                var (code, output, error) = await RunAsync(models.Fill(Tool().Replace(command, "$1deepseek ")), models.Path);
                Assert.That(code, Is.Zero, $"{command}\n{error}");
                printed.Append(output);
            }
            else
            {
                Assert.That(IsThere(command), $"{command} is nothing that is known.");
            }
        }

        if (block.Output is { } expected)
        {
            Assert.That(printed.ToString().TrimEnd(), Is.EqualTo(expected));
        }
    }

    [TestCase("dotnet build nothing")]
    [TestCase("benchmarks/nothing.sh")]
    [TestCase(Benchmarks + "nothing")]
    [TestCase(Benchmarks + "ops --nothing 1")]
    [TestCase("dotnet run --project samples/Nothing")]
    [TestCase("dotnet run --project samples/ChatServer -- /models/DeepSeek-R1 --nothing 1")]
    public void A_command_that_is_not_there_is_found_out(string command) => Assert.That(IsThere(command), Is.False);

    /// <summary>The commands of a block, without comments and with its aliases and those of the page's earlier blocks in full.</summary>
    private static IEnumerable<string> Commands(Block block)
    {
        var aliases = block.Document.Blocks.Where(other => other.Line <= block.Line).SelectMany(other => other.Lines)
            .Select(line => Alias().Match(line)).Where(match => match.Success)
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        foreach (var line in block.Lines.Where(line => !Alias().IsMatch(line)))
        {
            var command = Comment().Replace(line, "");
            yield return aliases.TryGetValue(command.Split(' ')[0], out var full) ? $"{full}{command[command.IndexOf(' ')..]}" : command;
        }
    }

    /// <summary>Whether there is what a command runs.</summary>
    private static bool IsThere(string command) => command.Split(' ') switch
    {
        ["dotnet", "test"] => true,
        _ when command.StartsWith(Benchmarks, StringComparison.Ordinal) => IsBenchmark(command[Benchmarks.Length..]),
        _ when Sample().Match(command) is { Success: true } sample => IsSample(sample.Groups["project"].Value, sample.Groups["arguments"].Value),
        [var script, ..] => script.Contains('/') && File.Exists(Path.Combine(TestPaths.RepositoryRoot, script)),
        _ => false,
    };

    private static bool IsBenchmark(string arguments)
    {
        var source = SourceOf(Path.Combine(TestPaths.RepositoryRoot, "benchmarks"));
        var words = arguments.Split(' ');
        return words[0] == "--filter"
            || source.Contains($"\"{words[0]}\" =>", StringComparison.Ordinal)
            && Options(words).All(option => source.Contains($"\"{option[2..]}\"", StringComparison.Ordinal));
    }

    private static bool IsSample(string project, string arguments)
    {
        var folder = Path.Combine(TestPaths.RepositoryRoot, "samples", project);
        return Directory.Exists(folder)
            && Options(arguments.Split(' ')).All(option => SourceOf(folder).Contains($"\"{option}\"", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Options(string[] words) => words.Where(word => word.StartsWith("--", StringComparison.Ordinal) && word != "--");

    private static string SourceOf(string folder)
        => string.Join('\n', Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));

    /// <summary>Runs a command line, in which <c>deepseek</c> is the tool as it was built and to which a question is typed.</summary>
    private static async Task<(int Code, string Output, string Error)> RunAsync(string command, string folder)
    {
        var tool = Path.Combine(AppContext.BaseDirectory, "deepseek.dll");
        var script = $"set -o pipefail; deepseek() {{ dotnet '{tool}' \"$@\"; }}; {command}";
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", script])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.UTF8,
            WorkingDirectory = folder,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync("What is 47 + 58?\n");
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // Not every command reads.
        }

        using var patience = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await error);
    }

    [GeneratedRegex("(^|[|] )(dotnet run (-c Release )?--project src/DeepSeekEngine.Tool -- |deepseek )")]
    private static partial Regex Tool();

    [GeneratedRegex("^dotnet run (-c Release )?--project samples/(?<project>\\w+)(?<arguments>.*)$")]
    private static partial Regex Sample();

    [GeneratedRegex(" +#.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("^alias ([a-z]+)='(.*)'$")]
    private static partial Regex Alias();
}
