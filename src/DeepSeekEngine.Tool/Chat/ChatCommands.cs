namespace DeepSeekEngine.Tool.Chat;

/// <summary>The commands of a session: lines that begin with a slash.</summary>
internal static class ChatCommands
{
    private const string Help = """
        /think on|off|auto   reason before answering: always, never, or as the model likes
        /reset               forget the conversation
        /stats               tokens, speed and how full the context is
        /save FILE           write the conversation as Markdown to a new file
        /help                this
        /exit                leave, as do Ctrl-D and a second Ctrl-C; the first stops an answer
        """;

    public static bool IsCommand(string line) => line.StartsWith('/');

    /// <exception cref="ArgumentException">There is no such command.</exception>
    public static void Run(string line, ChatSession session, IChatView view)
    {
        switch (line.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            case ["/think", "on"]:
                session.Generation = session.Generation with { ForceThinking = true, MaxThinkingTokens = ThinkingBudget(session) };
                view.Note("It reasons before it answers.");
                break;
            case ["/think", "off"]:
                session.Generation = session.Generation with { ForceThinking = false, MaxThinkingTokens = 0 };
                view.Note("It answers at once.");
                break;
            case ["/think", "auto"]:
                session.Generation = session.Generation with { ForceThinking = false, MaxThinkingTokens = ThinkingBudget(session) };
                view.Note("It reasons if it likes.");
                break;
            case ["/reset"]:
                session.Reset();
                view.Note("The conversation is forgotten.");
                break;
            case ["/stats"]:
                view.Show(session.Statistics());
                break;
            case ["/save", var file]:
                session.Save(file);
                view.Note($"Written to {Path.GetFullPath(file)}.");
                break;
            case ["/help"]:
                view.Note(Help);
                break;
            default:
                throw new ArgumentException($"{line} is no command. There are:\n{Help}");
        }
    }

    /// <summary>A budget of tokens stays; the one of 0, by which it answers at once, goes.</summary>
    private static int? ThinkingBudget(ChatSession session) => session.Generation.MaxThinkingTokens is 0 ? null : session.Generation.MaxThinkingTokens;
}
