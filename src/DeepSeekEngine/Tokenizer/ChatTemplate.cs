using System.Text;
using DeepSeekEngine.Tokenizer.Jinja;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Turns a conversation into the prompt the model was trained on, by the template the checkpoint brings, or R1's where it brings none.
/// </summary>
internal sealed class ChatTemplate
{
    private const string BuiltInName = "chat_template_r1.jinja";

    private const string ToolsName = "tools.jinja";

    private const long MaxFileBytes = 4 << 20;

    /// <summary>What templates that take definitions of tools call them.</summary>
    private const string ToolsVariable = "tools";

    private static readonly Template s_tools = new("the built-in description of tools", BuiltIn(ToolsName));

    private readonly Template _template;

    /// <summary>The content of an assistant's message that has calls and no text.</summary>
    private readonly PromptText? _noContent;

    private readonly string? _bos;

    private readonly string? _eos;

    private ChatTemplate(Template template, DeepSeekTokenizer tokenizer)
    {
        _template = template;
        _bos = tokenizer.BosText;
        _eos = tokenizer.EosText;
        (CallForm, _noContent) = ProbeCalls();
    }

    /// <summary>How a model that was trained on this template writes its calls.</summary>
    public ToolCallForm CallForm { get; }

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
            : Parse("the built-in chat template", BuiltIn(BuiltInName), tokenizer);
    }

    /// <summary>Makes a template of <paramref name="text"/>; <paramref name="path"/> is named in messages.</summary>
    /// <exception cref="UnsupportedModelException">The template uses something that is not supported.</exception>
    public static ChatTemplate Parse(string path, string text, DeepSeekTokenizer tokenizer) => new(new Template(path, text), tokenizer);

    /// <summary>
    /// The prompt for a conversation. Only what the template itself wrote is trusted, so special tokens in a message are plain text.
    /// </summary>
    /// <param name="messages">The conversation so far.</param>
    /// <param name="addGenerationPrompt">Whether to begin the model's answer.</param>
    /// <param name="tools">
    /// What the model may call. A template that does not take it, as R1's, gets it as the end of the first system message.
    /// </param>
    /// <exception cref="UnsupportedModelException">The template cannot be rendered.</exception>
    /// <exception cref="ArgumentException">The template refuses the conversation, or a result in it is of no call.</exception>
    public PromptText Render(
        IReadOnlyList<Message> messages, bool addGenerationPrompt, IReadOnlyList<ToolDefinition>? tools = null)
    {
        messages = ToolMessages.InOrderOfCalls(messages);
        List<object?> values = [.. messages.Select(message => MessageValue(message, _noContent))];
        long length = messages.Sum(InputLength);
        List<object?>? definitions = null;
        if (tools is { Count: > 0 })
        {
            definitions = ToolValues.Of(tools);
            length += ToolValues.LengthOf(tools);
            if (!_template.Reads(ToolsVariable))
            {
                Describe(definitions, length, messages, values);
                definitions = null;
            }
        }

        return Render(values, addGenerationPrompt, definitions, length);
    }

    private PromptText Render(List<object?> messages, bool addGenerationPrompt, List<object?>? tools, long length)
    {
        Dictionary<string, object?> variables = new(StringComparer.Ordinal)
        {
            ["messages"] = messages,
            ["add_generation_prompt"] = addGenerationPrompt,
            [ToolsVariable] = tools,
            ["documents"] = null,
        };
        AddTokenText(variables, "bos_token", _bos);
        AddTokenText(variables, "eos_token", _eos);
        return _template.Render(variables, length);
    }

    /// <summary>Lets the template say how a call looks, and how it takes a message that is nothing else.</summary>
    private (ToolCallForm Form, PromptText? NoContent) ProbeCalls()
    {
        const string name = "probed_function";
        Message[] probe = [new(Role.User, "?"), new(Role.Assistant, "") { ToolCalls = [new ToolCall("0", name, "{}")] }];

        // None as Hugging Face has it; some templates, R1-0528's among them, look for something in the content and so need a text.
        foreach (PromptText? noContent in (PromptText?[])[null, PromptText.Empty])
        {
            try
            {
                string text = Render(
                    [.. probe.Select(message => MessageValue(message, noContent))], addGenerationPrompt: false, null, probe.Sum(InputLength)).Text;
                int separator = text.IndexOf(ToolTokens.SeparatorText, StringComparison.Ordinal);
                int named = text.IndexOf(name, StringComparison.Ordinal);
                return (named >= 0 && named < separator ? ToolCallForm.Bare : ToolCallForm.Fenced, noContent);
            }
            catch (Exception exception) when (exception is UnsupportedModelException or ArgumentException)
            {
                // A template may have no place for calls, and is then told so when there are any.
            }
        }

        return (ToolCallForm.Fenced, null);
    }

    /// <summary>Puts the tools at the end of the first system message, or before all messages where there is none.</summary>
    private void Describe(List<object?> tools, long length, IReadOnlyList<Message> messages, List<object?> values)
    {
        Dictionary<string, object?> variables = new(StringComparer.Ordinal)
        {
            [ToolsVariable] = tools,
            ["fenced"] = CallForm is ToolCallForm.Fenced,
        };
        PromptText description = s_tools.Render(variables, length);
        int system = messages.Index().FirstOrDefault(message => message.Item.Role is Role.System, (-1, null!)).Index;
        if (system < 0)
        {
            values.Insert(0, MessageValue(Role.System, description));
            return;
        }

        PromptText content = PromptText.Untrusted(messages[system].Content);
        values[system] = MessageValue(
            Role.System, content.Length == 0 ? description : content + PromptText.Trusted("\n\n") + description);
    }

    private static string BuiltIn(string name)
    {
        name = $"DeepSeekEngine.Tokenizer.Templates.{name}";
        using Stream stream = typeof(ChatTemplate).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
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
    private static Map MessageValue(Message message, PromptText? noContent)
    {
        bool calls = message.ToolCalls.Count > 0;
        Map value = MessageValue(message.Role, calls && message.Content.Length == 0 ? noContent : PromptText.Untrusted(message.Content));
        if (calls)
        {
            value["tool_calls"] = message.ToolCalls.Select(ToolCallValue).ToList();
        }

        return value;
    }

    private static Map MessageValue(Role role, PromptText? content)
    {
        string name = role switch
        {
            Role.System => "system",
            Role.User => "user",
            Role.Assistant => "assistant",
            Role.Tool => "tool",
            _ => throw new ArgumentOutOfRangeException(nameof(role), role, "There is no such role."),
        };
        return new Map { ["role"] = PromptText.Trusted(name), ["content"] = content };
    }

    private static object? ToolCallValue(ToolCall call) => new Map
    {
        ["type"] = PromptText.Trusted("function"),
        ["function"] = new Map
        {
            ["name"] = PromptText.Untrusted(call.Name),
            ["arguments"] = PromptText.Untrusted(call.Arguments),
        },
    };

    private static long InputLength(Message message)
        => message.Content.Length + message.ToolCalls.Sum(call => (long)call.Name.Length + call.Arguments.Length);
}
