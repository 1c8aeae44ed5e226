using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DeepSeekEngine.Tool.Chat;

/// <summary>Shows a session as JSON, one object a line: each answer, each failure, and the statistics where they are asked for.</summary>
internal sealed class JsonView(Terminal terminal) : IChatView
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,

        // What is written goes to a script and into no HTML: letters of all languages may stay as they are.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public void Prompt()
    {
    }

    public void Show(GenerationChunk chunk)
    {
    }

    public void Show(Exchange exchange) => Write(new
    {
        exchange.Question,
        exchange.Reasoning,
        exchange.Answer,
        exchange.FinishReason,
        Stopped = exchange.FinishReason is null ? true : (bool?)null,
        Usage = exchange.Usage is not { } usage
            ? null
            : new
            {
                usage.PromptTokens,
                usage.CachedPromptTokens,
                usage.ReasoningTokens,
                usage.AnswerTokens,
                TimeToFirstToken = usage.TimeToFirstToken.TotalSeconds,
                Duration = usage.Duration.TotalSeconds,
                usage.TokensPerSecond,
            },
    });

    public void Show(ChatStatistics statistics) => Write(new { Statistics = statistics });

    public void Note(string text) => terminal.Remark(text);

    public void Fail(string line, string problem) => Write(new { Question = line, Error = problem });

    private void Write<T>(T line) => terminal.WriteLine(JsonSerializer.Serialize(line, Format));
}
