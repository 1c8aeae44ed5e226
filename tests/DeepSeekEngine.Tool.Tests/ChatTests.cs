using System.Text.Json;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tool.Tests;

public sealed class ChatTests
{
    private const string Dim = "\e[2m";
    private const string Question = "What is 47 + 58?";

    [Test]
    public async Task A_person_sees_the_reasoning_dimmed_then_the_answer_then_what_it_took()
    {
        var terminal = new TestTerminal(screen: true, Question);
        Assert.That(await ChatAsync(terminal), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Does.Contain("> "));
        Assert.That(terminal.Output, Does.Contain($"{Dim}Okay"));
        var plain = Plain(terminal.Output);
        Assert.That(plain, Does.Contain("carry 1 -> 105\n\n47 + 58 = 105\n"));
        Assert.That(plain, Does.Match(@"\n\d+ tokens, \d+ of them reasoning · first after \d+\.\d\d s · [\d.,]+ tokens/s"));
        Assert.That(terminal.Error, Does.Contain("tiny-r1: DeepseekV3ForCausalLM, 4 layers, 4.51 MB in "));
    }

    [Test]
    public async Task A_pipe_gets_the_answers_alone()
    {
        var terminal = new TestTerminal(screen: false, Question, "/reset", "", "Add 653 and 509.");
        Assert.That(await ChatAsync(terminal), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Is.EqualTo("47 + 58 = 105\n653 + 509 = 1162\n"));
        Assert.That(terminal.Error, Is.Empty);
    }

    [Test]
    public async Task One_question_can_be_an_argument_and_is_no_command()
    {
        var terminal = new TestTerminal(screen: false, "not read");
        Assert.That(await ChatAsync(terminal, Question), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Is.EqualTo("47 + 58 = 105\n"));

        terminal = new TestTerminal(screen: false);
        Assert.That(await ChatAsync(terminal, "/help"), Is.EqualTo(CommandLine.Success));
        Assert.That(terminal.Output, Does.Not.Contain("/reset"));
    }

    [Test]
    public async Task Json_is_one_object_a_line()
    {
        var terminal = new TestTerminal(screen: false, Question, "/think off", "/stats", "/nonsense");
        Assert.That(await ChatAsync(terminal, "--json"), Is.EqualTo(CommandLine.Failure));
        var lines = terminal.Output.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.That(lines, Has.Count.EqualTo(3));
        Assert.Multiple(() =>
        {
            Assert.That(lines[0].GetProperty("question").GetString(), Is.EqualTo(Question));
            Assert.That(lines[0].GetProperty("answer").GetString(), Is.EqualTo("47 + 58 = 105"));
            Assert.That(lines[0].GetProperty("reasoning").GetString(), Does.EndWith("carry 1 -> 105"));
            Assert.That(lines[0].GetProperty("finish_reason").GetString(), Is.EqualTo("end_of_text"));
            var usage = lines[0].GetProperty("usage");
            Assert.That(usage.GetProperty("prompt_tokens").GetInt32(), Is.Positive);
            Assert.That(usage.GetProperty("reasoning_tokens").GetInt32(), Is.Positive);
            Assert.That(usage.GetProperty("tokens_per_second").GetDouble(), Is.Positive);
            Assert.That(lines[1].GetProperty("statistics").GetProperty("questions").GetInt32(), Is.EqualTo(1));
            Assert.That(lines[2].GetProperty("question").GetString(), Is.EqualTo("/nonsense"));
            Assert.That(lines[2].GetProperty("error").GetString(), Does.Contain("/help"));
        });
        Assert.That(terminal.Error, Is.Empty);
    }

    [Test]
    public async Task Thinking_can_be_switched_off_and_on()
    {
        var terminal = new TestTerminal(screen: false, Question, "/think on", "/reset", Question, "/think auto", "/reset", Question);
        Assert.That(await ChatAsync(terminal, "--json", "--think", "OFF", "--max-tokens", "200"), Is.EqualTo(CommandLine.Success));
        var reasoned = terminal.Output.TrimEnd('\n').Split('\n')
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("reasoning").GetString()!.Length > 0);
        Assert.That(reasoned, Is.EqualTo((bool[])[false, true, true]));
    }

    [Test]
    public async Task Options_reach_the_model()
    {
        var terminal = new TestTerminal(screen: false);
        Assert.That(
            await ChatAsync(terminal, Question, "--json", "--max-thinking", "5", "--max-tokens", "7", "--seed", "3", "--temperature", "0.5", "--system", "Add."),
            Is.EqualTo(CommandLine.Success));
        var line = JsonDocument.Parse(terminal.Output).RootElement;
        Assert.That(line.GetProperty("finish_reason").GetString(), Is.EqualTo("max_tokens"));
        Assert.That(
            line.GetProperty("usage").GetProperty("reasoning_tokens").GetInt32() + line.GetProperty("usage").GetProperty("answer_tokens").GetInt32(),
            Is.EqualTo(7));
    }

    [Test]
    public async Task A_conversation_remembers_until_it_is_reset()
    {
        var terminal = new TestTerminal(screen: false, Question, "/stats", Question, "/stats", "/reset", "/stats");
        await ChatAsync(terminal, "--json");
        var contexts = terminal.Output.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty("statistics", out _))
            .Select(line => line.GetProperty("statistics").GetProperty("context_tokens").GetInt32()).ToList();
        Assert.That(contexts[0], Is.Positive);
        Assert.That(contexts[1], Is.GreaterThan(contexts[0]));
        Assert.That(contexts[2], Is.Zero);
    }

    [Test]
    public async Task Statistics_and_help_are_shown()
    {
        var terminal = new TestTerminal(screen: true, "/help", Question, "/stats", "/exit", "not read");
        Assert.That(await ChatAsync(terminal), Is.EqualTo(CommandLine.Success));
        var plain = Plain(terminal.Output);
        Assert.That(plain, Does.Contain("/save FILE"));
        Assert.That(plain, Does.Match("questions +1"));
        Assert.That(plain, Does.Match("context +\\d+ of 2,048 tokens"));
    }

    [Test]
    public async Task A_conversation_is_saved_as_Markdown_and_to_a_new_file_only()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "a chat.md");
        var terminal = new TestTerminal(screen: false, Question, $"/save {file}", $"/save {file}");
        Assert.That(await ChatAsync(terminal), Is.EqualTo(CommandLine.Failure));
        var saved = await File.ReadAllTextAsync(file);
        Assert.That(saved, Does.StartWith("# tiny-r1\n\n## What is 47 + 58?\n\n> Okay, I add 47 and 58."));
        Assert.That(saved, Does.EndWith("\n\n47 + 58 = 105\n"));
        Assert.That(terminal.Error, Does.Contain(file));
    }

    [Test]
    public async Task A_question_that_is_too_long_is_said_and_the_next_one_answered()
    {
        var terminal = new TestTerminal(screen: false, string.Join(' ', Enumerable.Repeat("1 + 1", 1000)), Question);
        Assert.That(await ChatAsync(terminal), Is.EqualTo(CommandLine.Failure));
        Assert.That(terminal.Output, Is.EqualTo("47 + 58 = 105\n"));
        Assert.That(terminal.Error, Does.Contain("/reset"));
    }

    [Test]
    public async Task The_first_interrupt_stops_the_answer_the_second_warns_and_the_third_ends()
    {
        using var directory = new TemporaryDirectory();
        SyntheticCheckpoint.Write(directory.Path);
        var interrupts = new List<bool>();
        TestTerminal? terminal = null;
        var input = new ScriptedReader(
            () => "Talk.",
            () => "/stats",
            () =>
            {
                interrupts.Add(terminal!.Terminal.Interrupt());
                interrupts.Add(terminal.Terminal.Interrupt());
                return null;
            });
        terminal = new TestTerminal(screen: true, input);
        var chat = Task.Run(() => terminal.RunAsync("chat", directory.Path, "--temperature", "0"));

        // The model never ends by itself before its context is full.
        while (!Plain(terminal.Output).Contains("> ", StringComparison.Ordinal) || Plain(terminal.Output).Length < 20)
        {
            Assert.That(chat.IsCompleted, Is.False, terminal.Error);
            await Task.Delay(5);
        }

        Assert.That(terminal.Terminal.Interrupt(), Is.True);
        Assert.That(await chat, Is.EqualTo(CommandLine.Success));
        var plain = Plain(terminal.Output);
        Assert.That(plain, Does.Contain("[stopped; neither the question nor this answer will be remembered]"));
        Assert.That(plain, Does.Match("questions +0"));
        Assert.That(plain, Does.Contain("Ctrl-C again"));
        Assert.That(interrupts, Is.EqualTo((bool[])[true, false]));
    }

    [Test]
    public void What_the_model_says_cannot_command_the_terminal()
    {
        var terminal = new TestTerminal(screen: true);
        var view = new Chat.ConsoleView(terminal.Terminal);
        view.Show(new GenerationChunk(ChunkKind.Reasoning, "a\e]0;b\a\tc\n", null));
        view.Show(new GenerationChunk(ChunkKind.Answer, "d\r\u009be", null));
        Assert.That(Plain(terminal.Output), Is.EqualTo("a\uFFFD]0;b\uFFFD\tc\n\n\nd\uFFFD\uFFFDe"));
    }

    private static Task<int> ChatAsync(TestTerminal terminal, params string[] options) => terminal.RunAsync(["chat", TestPaths.TinyR1, .. options]);

    private static string Plain(string output) => System.Text.RegularExpressions.Regex.Replace(output, @"\e\[[0-9;?]*[a-zA-Z]", "");

    /// <summary>Lines that are made when they are asked for.</summary>
    private sealed class ScriptedReader(params Func<string?>[] lines) : TextReader
    {
        private int _next;

        public override string? ReadLine() => lines[_next++]();
    }
}
