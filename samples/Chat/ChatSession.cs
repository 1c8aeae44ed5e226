using DeepSeekEngine;

namespace Chat;

/// <summary>A conversation on the console: reasoning dimmed, then the answer.</summary>
internal sealed class ChatSession(DeepSeekModel model)
{
    private const string Dim = "\e[2m";
    private const string Normal = "\e[0m";

    private readonly List<Message> _messages = [];
    private CancellationTokenSource? _answering;

    public async Task AskAsync(string question)
    {
        _messages.Add(new Message(Role.User, question));
        using var stop = _answering = new CancellationTokenSource();
        var answer = string.Empty;
        var part = ChunkKind.Answer;
        Usage? usage = null;
        try
        {
            await foreach (var chunk in model.StreamAsync(_messages, cancellationToken: stop.Token))
            {
                Console.Write((part, chunk.Kind) switch
                {
                    (_, ChunkKind.Reasoning) => $"{Dim}{chunk.Text}{Normal}",
                    (ChunkKind.Reasoning, _) => $"\n\n{chunk.Text}",
                    _ => chunk.Text,
                });
                part = chunk.Kind;
                answer += chunk.Kind is ChunkKind.Answer ? chunk.Text : string.Empty;
                usage = chunk.Usage ?? usage;
            }
        }
        catch (OperationCanceledException)
        {
            Console.Write(" [stopped]");
        }

        _answering = null;
        _messages.Add(new Message(Role.Assistant, answer));
        Console.WriteLine();
        if (usage is not null)
        {
            Console.Error.WriteLine(
                $"{usage.PromptTokens} + {usage.CompletionTokens} tokens, first after {usage.TimeToFirstToken.TotalSeconds:F2} s, "
                + $"{usage.TokensPerSecond:F1} tokens/s");
        }
    }

    /// <summary>Stops the answer in progress; false if there is none.</summary>
    public bool StopAnswer()
    {
        var answering = _answering;
        answering?.Cancel();
        return answering is not null;
    }
}
