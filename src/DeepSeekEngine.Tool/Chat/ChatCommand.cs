using System.CommandLine;
using System.Globalization;

namespace DeepSeekEngine.Tool.Chat;

/// <summary>Talks with a model: one question, or lines from the keyboard, a file or a pipe.</summary>
internal static class ChatCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = new ModelArguments();
        var question = new Argument<string?>("question")
        {
            Description = "What to answer; without it, questions are read from the keyboard or from standard input, one a line.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        question.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && text.StartsWith("--", StringComparison.Ordinal))
            {
                result.AddError($"{text} is no option of chat.");
            }
        });
        var json = new Option<bool>("--json") { Description = "Write one JSON object a line: question, reasoning, answer and what it took." };
        var system = new Option<string?>("--system") { Description = "Instructions the conversation stands under.", HelpName = "text" };
        var think = ModelArguments.Choice(
            "--think", "Reason before answering: always, never, or as the model likes (default: auto).", Enum.GetValues<Thinking>());
        var maxThinking = ModelArguments.Number("--max-thinking", 0, "Tokens it may reason; then it answers.");
        var maxTokens = ModelArguments.Number("--max-tokens", 1, "Tokens of a response at most, reasoning and answer together.");
        var temperature = new Option<float?>("--temperature")
        {
            Description = "0: always the most probable token (default: what the model recommends).",
            HelpName = "number",
            CustomParser = result => float.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 100
                ? value
                : Refuse(result),
        };
        var seed = new Option<long?>("--seed") { Description = "Fixes the random numbers.", HelpName = "number" };
        var command = new Command("chat", "Talks with a model.");
        model.AddTo(command);
        command.Add(question);
        foreach (var option in (Option[])[json, system, think, maxThinking, maxTokens, temperature, seed])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, _) =>
        {
            var thinking = parsed.GetValue(think);
            var generation = new GenerationOptions
            {
                ForceThinking = thinking is Thinking.On,
                MaxThinkingTokens = thinking is Thinking.Off ? 0 : parsed.GetValue(maxThinking),
                MaxTokens = parsed.GetValue(maxTokens),
                Temperature = parsed.GetValue(temperature),
                Seed = parsed.GetValue(seed),
            };
            await using var loaded = await model.LoadAsync(parsed, terminal);
            IChatView view = parsed.GetValue(json) ? new JsonView(terminal) : new ConsoleView(terminal);
            var session = new ChatSession(loaded, parsed.GetValue(system), generation, view);
            return await RunAsync(session, parsed.GetValue(question), terminal);
        });
        return command;

        static float? Refuse(System.CommandLine.Parsing.ArgumentResult result)
        {
            result.AddError($"--temperature must be a number from 0 to 100, not {result.Tokens[0].Value}.");
            return null;
        }
    }

    private static async Task<int> RunAsync(ChatSession session, string? question, Terminal terminal)
    {
        // A script that is interrupted ends; a person may only have heard enough of one answer.
        terminal.OnInterrupt(terminal.IsInteractive && question is null ? session.Interrupt : null);
        if (question is not null)
        {
            await session.AskAsync(question);
        }
        else
        {
            await session.RunAsync(terminal.Input);
        }

        terminal.OnInterrupt(null);
        return session.HasFailed && (question is not null || !terminal.IsInteractive) ? CommandLine.Failure : CommandLine.Success;
    }

    private enum Thinking
    {
        Auto,
        On,
        Off,
    }
}
