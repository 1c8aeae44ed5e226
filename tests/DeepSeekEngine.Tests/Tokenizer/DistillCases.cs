using System.Text.Json;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>
/// The cases of tests/tokenizer/distills, for the tokenizers there and, where DEEPSEEKENGINE_DISTILL_TOKENIZERS names a folder that holds
/// qwen/tokenizer.json and llama3/tokenizer.json, for those whole ones.
/// </summary>
internal static class DistillCases
{
    public const string Qwen = "qwen";

    /// <summary>Of the make of Llama-3's, with a vocabulary of our own.</summary>
    public const string Own = "own";

    public const string Llama3 = "llama3";

    private static readonly JsonSerializerOptions s_options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly Dictionary<string, DeepSeekTokenizer> s_tokenizers = [];

    private static string Folder => Path.Combine(TestPaths.TokenizerDirectory, "distills");

    public static DistillCase[] Texts { get; } = Read<DistillCase>("cases.json");

    public static DistillChat[] Chats { get; } = Read<DistillChat>("chat_ids.json");

    /// <summary>Names of tokenizers, each with the directory of its tokenizer.json.</summary>
    public static IEnumerable<TestCaseData> Tokenizers()
    {
        yield return Tokenizer(Folder, Qwen, "");
        yield return Tokenizer(Folder, Own, "");
        if (Environment.GetEnvironmentVariable("DEEPSEEKENGINE_DISTILL_TOKENIZERS") is { Length: > 0 } whole)
        {
            yield return Tokenizer(whole, Qwen, "whole ");
            yield return Tokenizer(whole, Llama3, "whole ");
        }
    }

    public static DeepSeekTokenizer Load(string directory)
    {
        lock (s_tokenizers)
        {
            return s_tokenizers.TryGetValue(directory, out DeepSeekTokenizer? tokenizer)
                ? tokenizer
                : s_tokenizers[directory] = DeepSeekTokenizer.Load(directory);
        }
    }

    public static DistillPrompt[] PromptsOf0528 { get; } = Read<DistillPrompt>("../chat_prompts_r1_0528.json");

    public static string Directory(string name) => Path.Combine(Folder, name);

    private static TestCaseData Tokenizer(string folder, string name, string kind)
        => new TestCaseData(Path.Combine(folder, name), name).SetArgDisplayNames(kind + name);

    private static T[] Read<T>(string file)
    {
        string path = Path.Combine(Folder, file);
        T[] cases = JsonSerializer.Deserialize<T[]>(File.ReadAllBytes(path), s_options)!;
        return cases.Length > 0 ? cases : throw new InvalidDataException($"{path} holds no cases.");
    }
}

/// <summary>A text, its tokens in each tokenizer, and what Qwen's tokens are decoded to where that is another text.</summary>
public sealed record DistillCase(string Category, string Text, string? Normalized, int[] Qwen, int[] Llama3, int[] Own)
{
    internal int[] Ids(string tokenizer) => tokenizer switch
    {
        DistillCases.Qwen => Qwen,
        DistillCases.Llama3 => Llama3,
        _ => Own,
    };

    internal string Decoded(string tokenizer) => tokenizer == DistillCases.Qwen ? Normalized ?? Text : Text;
}

/// <summary>What R1-0528's template makes of one of chat_cases.json's conversations.</summary>
public sealed record DistillPrompt(string Name, string Prompt);

/// <summary>The tokens of one of chat_cases.json's conversations, rendered by the distilled models' template.</summary>
public sealed record DistillChat(string Name, int[] Qwen, int[] Llama3, int[] Own)
{
    internal int[] Ids(string tokenizer) => tokenizer switch
    {
        DistillCases.Qwen => Qwen,
        DistillCases.Llama3 => Llama3,
        _ => Own,
    };
}
