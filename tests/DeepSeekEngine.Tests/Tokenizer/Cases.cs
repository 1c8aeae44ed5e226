using System.Text.Json;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>
/// The cases of tests/tokenizer and of a folder of the same form; a file that such a folder lacks holds no cases, one the repository lacks
/// is an error.
/// </summary>
internal static class Cases
{
    public const string R1Template = "chat_template_r1.jinja";

    public const string OldTemplate = "chat_template_r1_jan2025_and_distills.jinja";

    private static readonly JsonSerializerOptions s_options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly Dictionary<string, DeepSeekTokenizer> s_tokenizers = [];

    /// <summary>The tokenizer of <paramref name="directory"/>, or R1's where there is none.</summary>
    public static DeepSeekTokenizer Tokenizer(string directory)
    {
        string source = File.Exists(Path.Combine(directory, "tokenizer.json")) ? directory : TestPaths.TokenizerDirectory;
        lock (s_tokenizers)
        {
            if (!s_tokenizers.TryGetValue(source, out DeepSeekTokenizer? tokenizer))
            {
                s_tokenizers[source] = tokenizer = DeepSeekTokenizer.Load(source);
            }

            return tokenizer;
        }
    }

    public static DeepSeekTokenizer R1 => Tokenizer(TestPaths.TokenizerDirectory);

    public static IEnumerable<TestCaseData> Encoding() => Read<EncodingCase>("cases.json", c => $"{c.Category} {c.Text}");

    public static IEnumerable<TestCaseData> Streaming() => Read<StreamCase>("stream_cases.json", c => c.Text);

    public static IEnumerable<TestCaseData> Chat() => Read<ChatCase>("chat_cases.json", c => c.Name);

    private static IEnumerable<TestCaseData> Read<T>(string file, Func<T, string> name)
    {
        foreach (string directory in TestPaths.TokenizerCases)
        {
            string path = Path.Combine(directory, file);
            if (directory != TestPaths.TokenizerDirectory && !File.Exists(path))
            {
                continue;
            }

            T[] cases = JsonSerializer.Deserialize<T[]>(File.ReadAllBytes(path), s_options)!;
            if (cases.Length == 0)
            {
                throw new InvalidDataException($"{path} holds no cases.");
            }

            for (int i = 0; i < cases.Length; i++)
            {
                string shown = new([.. name(cases[i]).Take(40).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')]);
                string folder = directory == TestPaths.TokenizerDirectory ? "" : "other ";
                yield return new TestCaseData(directory, cases[i]).SetArgDisplayNames($"{folder}{i} {shown}");
            }
        }
    }
}

public sealed record EncodingCase(string Category, string Text, int[] Ids, string? Decoded, string? DecodedSkipSpecial, int[]? IdsV3);

public sealed record StreamCase(string Text, int[] Ids, string[] TokenBytesHex);

public sealed record ChatCase(
    string Name, ChatCaseMessage[] Messages, bool AddGenerationPrompt, string? Prompt, int[]? Ids, string? PromptT1Jan2025AndDistills)
{
    internal IReadOnlyList<Message> Turns => [.. Messages.Select(message => message.Turn)];
}

public sealed record ChatCaseMessage(string Role, string? Content, ChatCaseCall[]? ToolCalls)
{
    internal Message Turn => new(Enum.Parse<Role>(Role, ignoreCase: true), Content ?? "")
    {
        ToolCalls = [.. (ToolCalls ?? []).Index().Select(call => call.Item.Call($"call_{call.Index}"))],
    };
}

public sealed record ChatCaseCall(string Type, ChatCaseFunction Function)
{
    internal ToolCall Call(string id) => new(id, Function.Name, Function.Arguments);
}

public sealed record ChatCaseFunction(string Name, string Arguments);
