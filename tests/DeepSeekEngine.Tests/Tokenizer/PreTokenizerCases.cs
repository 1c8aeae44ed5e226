using System.Text.Json;
using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>A pre_tokenizer, and the pieces into which the tokenizers library cuts some texts by it.</summary>
public sealed record PreTokenizerCases(string Name, JsonElement PreTokenizer, string[][] Cases)
{
    private static readonly JsonSerializerOptions s_options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static PreTokenizerCases[] Read()
    {
        string path = Path.Combine(TestPaths.TokenizerDirectory, "pre_tokenizer_cases.json");
        return JsonSerializer.Deserialize<PreTokenizerCases[]>(File.ReadAllBytes(path), s_options)!;
    }

    public static PreTokenizerCases Read(string name) => Read().Single(cases => cases.Name == name);
}
