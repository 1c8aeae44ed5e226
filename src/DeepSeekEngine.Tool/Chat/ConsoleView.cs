using Spectre.Console;

namespace DeepSeekEngine.Tool.Chat;

/// <summary>
/// Shows a session as text. A screen gets reasoning, dimmed, and what each answer took; a file or pipe gets the answers alone.
/// </summary>
internal sealed class ConsoleView(Terminal terminal) : IChatView
{
    private bool _isReasoning;

    public void Prompt()
    {
        if (terminal.IsInteractive)
        {
            terminal.Write("\n> ", Styles.Prompt);
        }
    }

    public void Show(GenerationChunk chunk)
    {
        if (chunk.Kind is ChunkKind.Reasoning)
        {
            _isReasoning = terminal.HasScreen;
            if (_isReasoning)
            {
                terminal.Write(Printable(chunk.Text), Styles.Reasoning);
            }

            return;
        }

        if (_isReasoning)
        {
            _isReasoning = false;
            terminal.Write("\n\n", Style.Plain);
        }

        terminal.Write(Printable(chunk.Text), Style.Plain);
    }

    public void Show(Exchange exchange)
    {
        _isReasoning = false;
        terminal.Write("\n", Style.Plain);
        if (exchange.FinishReason is FinishReason.ContextFull)
        {
            terminal.Fail("The context is full. Forget the conversation with /reset, or begin with a larger --context.");
        }

        if (!terminal.HasScreen)
        {
            return;
        }

        terminal.Write(
            exchange.Usage is not { } usage
                ? "[stopped; neither the question nor this answer will be remembered]\n"
                : $"{Units.Number((long)usage.CompletionTokens)} tokens, {Units.Number((long)usage.ReasoningTokens)} of them reasoning · "
                  + $"first after {Units.Seconds(usage.TimeToFirstToken)} · {Units.Number(usage.TokensPerSecond)} tokens/s\n",
            Styles.Note);
    }

    public void Show(ChatStatistics statistics)
    {
        var table = Styles.Table("this session", "");
        Row("questions", Units.Number((long)statistics.Questions));
        Row("context", $"{Units.Number((long)statistics.ContextTokens)} of {Units.Number((long)statistics.ContextLength)} tokens");
        Row("prompt tokens", $"{Units.Number(statistics.PromptTokens)}, {Units.Number(statistics.CachedPromptTokens)} from the cache");
        Row("reasoning tokens", Units.Number(statistics.ReasoningTokens));
        Row("answer tokens", Units.Number(statistics.AnswerTokens));
        if (statistics.DraftedTokens > 0)
        {
            Row("drafted tokens", $"{Units.Number(statistics.DraftedTokens)}, {Units.Number(statistics.AcceptedTokens)} accepted");
        }

        Row("first token after", Units.Seconds(TimeSpan.FromSeconds(statistics.TimeToFirstToken)));
        Row("tokens/s", Units.Number(statistics.TokensPerSecond));
        terminal.Output.Write(table);

        void Row(string name, string value) => table.AddRow(new Text(name), new Text(value));
    }

    public void Note(string text)
    {
        if (terminal.HasScreen)
        {
            terminal.Write($"{text}\n", Styles.Note);
        }
        else
        {
            terminal.Remark(text);
        }
    }

    public void Fail(string line, string problem)
    {
        _isReasoning = false;
        terminal.Fail(problem);
    }

    /// <summary>The text without control characters, which a model could otherwise use to command the terminal.</summary>
    private static string Printable(string text) => text.Any(IsCommand)
        ? string.Concat(text.Select(character => IsCommand(character) ? '\uFFFD' : character))
        : text;

    private static bool IsCommand(char character) => char.IsControl(character) && character is not ('\n' or '\t');
}
