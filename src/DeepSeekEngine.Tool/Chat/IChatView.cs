namespace DeepSeekEngine.Tool.Chat;

/// <summary>How a session is shown: to a person, or as JSON to a script.</summary>
internal interface IChatView
{
    /// <summary>The session waits for a line.</summary>
    void Prompt();

    /// <summary>A piece of the answer that is being given.</summary>
    void Show(GenerationChunk chunk);

    /// <summary>The answer is complete, or was stopped.</summary>
    void Show(Exchange exchange);

    void Show(ChatStatistics statistics);

    /// <summary>The reply to a command.</summary>
    void Note(string text);

    /// <summary>The question could not be answered, or the command not be done.</summary>
    void Fail(string line, string problem);
}
