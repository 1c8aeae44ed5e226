using System.Text;
using DeepSeekEngine.Tokenizer.Jinja;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Turns a conversation into the prompt the model was trained on, by the template the checkpoint brings, or R1's where it brings none.
/// </summary>
internal sealed class ChatTemplate
{
    private const string BuiltInName = "DeepSeekEngine.Tokenizer.Templates.chat_template_r1.jinja";

    private const long MaxFileBytes = 4 << 20;

    private static readonly string[] s_roles = ["system", "user", "assistant", "tool"];

    private readonly Template _template;

    private readonly string? _bos;

    private readonly string? _eos;

    private ChatTemplate(Template template, DeepSeekTokenizer tokenizer)
    {
        _template = template;
        _bos = tokenizer.BosText;
        _eos = tokenizer.EosText;
    }

    /// <summary>Reads chat_template.jinja, or else chat_template of tokenizer_config.json, or else takes R1's template.</summary>
    /// <param name="directory">The checkpoint's directory.</param>
    /// <param name="tokenizer">The tokenizer, for the text of the tokens around a sentence.</param>
    /// <exception cref="ModelFormatException">A file is damaged.</exception>
    /// <exception cref="UnsupportedModelException">The template uses something that is not supported.</exception>
    public static ChatTemplate Load(string directory, DeepSeekTokenizer tokenizer)
    {
        string path = Path.Combine(directory, "chat_template.jinja");
        if (File.Exists(path))
        {
            return Parse(path, Encoding.UTF8.GetString(CheckpointFile.ReadBytes(path, MaxFileBytes)), tokenizer);
        }

        TokenizerConfigFile config = TokenizerConfigFile.Read(directory);
        return config.ChatTemplate is string template
            ? Parse(config.Path, template, tokenizer)
            : Parse("the built-in chat template", BuiltIn(), tokenizer);
    }

    /// <summary>Makes a template of <paramref name="text"/>; <paramref name="path"/> is named in messages.</summary>
    /// <exception cref="UnsupportedModelException">The template uses something that is not supported.</exception>
    public static ChatTemplate Parse(string path, string text, DeepSeekTokenizer tokenizer) => new(new Template(path, text), tokenizer);

    /// <summary>
    /// The prompt for a conversation. Only what the template itself wrote is trusted, so special tokens in a message are plain text.
    /// </summary>
    /// <param name="messages">The conversation so far.</param>
    /// <param name="addGenerationPrompt">Whether to begin the model's answer.</param>
    /// <exception cref="UnsupportedModelException">The template cannot be rendered.</exception>
    /// <exception cref="ArgumentException">The template refuses the conversation.</exception>
    public PromptText Render(IReadOnlyList<ChatTurn> messages, bool addGenerationPrompt)
    {
        Dictionary<string, object?> variables = new(StringComparer.Ordinal)
        {
            ["messages"] = messages.Select(MessageValue).ToList(),
            ["add_generation_prompt"] = addGenerationPrompt,
            ["tools"] = null,
            ["documents"] = null,
        };
        AddTokenText(variables, "bos_token", _bos);
        AddTokenText(variables, "eos_token", _eos);
        return _template.Render(variables, messages.Sum(InputLength));
    }

    /// <inheritdoc cref="Render(IReadOnlyList{ChatTurn}, bool)"/>
    public PromptText Render(IReadOnlyList<Message> messages, bool addGenerationPrompt)
        => Render([.. messages.Select(ChatTurn.From)], addGenerationPrompt);

    private static string BuiltIn()
    {
        using Stream stream = typeof(ChatTemplate).Assembly.GetManifestResourceStream(BuiltInName)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {BuiltInName}.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static void AddTokenText(Dictionary<string, object?> variables, string name, string? text)
    {
        if (text is not null)
        {
            variables[name] = PromptText.Trusted(text);
        }
    }

    /// <summary>A message without calls has no key "tool_calls": R1's template asks whether there is one.</summary>
    private static Map MessageValue(ChatTurn turn)
    {
        Map message = new()
        {
            ["role"] = Array.IndexOf(s_roles, turn.Role) >= 0 ? PromptText.Trusted(turn.Role) : PromptText.Untrusted(turn.Role),
            ["content"] = turn.Content is null ? null : PromptText.Untrusted(turn.Content),
        };
        if (turn.ToolCalls is { Count: > 0 } calls)
        {
            message["tool_calls"] = calls.Select(ToolCallValue).ToList();
        }

        return message;
    }

    private static object? ToolCallValue(TemplateToolCall call) => new Map
    {
        ["type"] = PromptText.Untrusted(call.Type),
        ["function"] = new Map
        {
            ["name"] = PromptText.Untrusted(call.Name),
            ["arguments"] = PromptText.Untrusted(call.Arguments),
        },
    };

    private static long InputLength(ChatTurn turn)
        => turn.Role.Length + (turn.Content?.Length ?? 0L)
        + (turn.ToolCalls?.Sum(call => (long)call.Type.Length + call.Name.Length + call.Arguments.Length) ?? 0);
}
