using System.Text;

namespace DeepSeekEngine.Tool.Chat;

/// <summary>
/// A conversation, line by line: a line is a question or, where it begins with a slash, a command. Ctrl-C stops the answer that is being
/// given; where none is, the second in a row ends the process.
/// </summary>
internal sealed class ChatSession(DeepSeekModel model, string? system, GenerationOptions generation, IChatView view)
{
    private readonly Conversation _conversation = model.StartConversation(system);
    private readonly List<Exchange> _exchanges = [];
    private readonly Lock _stopping = new();
    private CancellationTokenSource? _answering;
    private bool _warned;

    /// <summary>How the next answer will be produced.</summary>
    public GenerationOptions Generation { get; set; } = generation;

    /// <summary>Whether a question could not be answered or a command not be done.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>What was said since the beginning or the last <see cref="Reset"/>.</summary>
    public IReadOnlyList<Exchange> Exchanges => _exchanges;

    /// <summary>Answers lines until there are no more, or until one says to leave.</summary>
    public async Task RunAsync(TextReader input)
    {
        view.Prompt();
        while (input.ReadLine() is { } line && line.Trim() is not ("/exit" or "/quit"))
        {
            lock (_stopping)
            {
                _warned = false;
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                await TryAsync(line.Trim(), ChatCommands.IsCommand(line.Trim()) ? ObeyAsync : AnswerAsync);
            }

            view.Prompt();
        }
    }

    /// <summary>Answers a question, whatever it begins with.</summary>
    public Task AskAsync(string question) => TryAsync(question, AnswerAsync);

    /// <summary>Forgets the conversation.</summary>
    public void Reset()
    {
        _conversation.Reset();
        _exchanges.Clear();
    }

    /// <summary>What the session took so far.</summary>
    public ChatStatistics Statistics() => ChatStatistics.Of(
        _exchanges, _conversation.Messages.Count > 0 ? model.CountTokens(_conversation.Messages) : 0, model.Info.ContextLength);

    /// <summary>Writes the conversation as Markdown to a file that does not exist yet.</summary>
    public void Save(string path)
    {
        using var writer = new StreamWriter(new FileStream(path, FileMode.CreateNew, FileAccess.Write));
        writer.WriteLine($"# {model.Info.Name}");
        foreach (var exchange in _exchanges)
        {
            writer.WriteLine($"\n## {exchange.Question}\n");
            if (exchange.Reasoning.Length > 0)
            {
                writer.WriteLine($"> {exchange.Reasoning.Trim().ReplaceLineEndings("  \n> ")}\n");
            }

            writer.WriteLine(exchange.FinishReason is null ? $"{exchange.Answer} [stopped]" : exchange.Answer);
        }
    }

    /// <summary>Ctrl-C. False where the process is to end.</summary>
    public bool Interrupt()
    {
        lock (_stopping)
        {
            if (_answering is not null)
            {
                // Not here: the thread would go on with whatever waits for the cancellation.
                _ = _answering.CancelAsync();
                return true;
            }

            if (_warned)
            {
                return false;
            }

            _warned = true;
            view.Note("\nCtrl-C again, or /exit, leaves.");
            view.Prompt();
            return true;
        }
    }

    private Task ObeyAsync(string command)
    {
        ChatCommands.Run(command, this, view);
        return Task.CompletedTask;
    }

    private async Task TryAsync(string line, Func<string, Task> work)
    {
        try
        {
            await work(line);
        }
        catch (Exception exception) when (exception is DeepSeekException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            HasFailed = true;
            view.Fail(
                line,
                exception is ContextLengthExceededException ? $"{exception.Message} /reset forgets the conversation." : exception.Message);
        }
    }

    private async Task AnswerAsync(string question)
    {
        var stop = new CancellationTokenSource();
        SetAnswering(stop);
        var reasoning = new StringBuilder();
        var answer = new StringBuilder();
        GenerationChunk? last = null;
        try
        {
            await foreach (var chunk in _conversation.StreamAsync(question, Generation, stop.Token))
            {
                (chunk.Kind is ChunkKind.Reasoning ? reasoning : answer).Append(chunk.Text);
                view.Show(chunk);
                last = chunk;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            last = null;
        }
        finally
        {
            SetAnswering(null);
        }

        var exchange = new Exchange(question, reasoning.ToString(), answer.ToString(), last?.FinishReason, last?.Usage);
        _exchanges.Add(exchange);
        view.Show(exchange);
    }

    private void SetAnswering(CancellationTokenSource? stop)
    {
        lock (_stopping)
        {
            _answering = stop;
        }
    }
}
