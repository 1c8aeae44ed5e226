using System.Text.Json;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// What tokenizer_config.json says of the tokens around a sentence and of the chat template; all of it null where there is no such file.
/// </summary>
internal sealed record TokenizerConfigFile(string Path, string? BosToken, string? EosToken, string? ChatTemplate)
{
    private const long MaxFileBytes = 16 << 20;

    /// <exception cref="ModelFormatException">The file is damaged.</exception>
    public static TokenizerConfigFile Read(string directory)
    {
        string path = System.IO.Path.Combine(directory, "tokenizer_config.json");
        TokenizerConfigFile config = new(path, null, null, null);
        if (!File.Exists(path))
        {
            return config;
        }

        byte[] json = CheckpointFile.ReadBytes(path, MaxFileBytes);
        TokenizerJson.Parse(path, () =>
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            config = new TokenizerConfigFile(path, TokenText(path, root, "bos_token"), TokenText(path, root, "eos_token"),
                Template(path, root));
        });
        return config;
    }

    /// <summary>A token is a string or an object with its text in "content".</summary>
    private static string? TokenText(string path, JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement token) || token.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        JsonElement content = token.ValueKind == JsonValueKind.Object && token.TryGetProperty("content", out JsonElement inner)
            ? inner
            : token;
        return content.ValueKind == JsonValueKind.String
            ? content.GetString()
            : throw new ModelFormatException(path, $"'{name}' is neither a string nor an object with a string 'content'.");
    }

    /// <summary>The template is a string or a list of named ones, of which "default" is the one for conversations.</summary>
    private static string? Template(string path, JsonElement root)
    {
        if (!root.TryGetProperty("chat_template", out JsonElement template) || template.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (template.ValueKind == JsonValueKind.String)
        {
            return template.GetString();
        }

        if (template.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement named in template.EnumerateArray())
            {
                if (named.ValueKind == JsonValueKind.Object
                    && named.TryGetProperty("name", out JsonElement name)
                    && name.ValueKind == JsonValueKind.String && name.ValueEquals("default")
                    && named.TryGetProperty("template", out JsonElement text) && text.ValueKind == JsonValueKind.String)
                {
                    return text.GetString();
                }
            }
        }

        throw new ModelFormatException(path, "'chat_template' is neither a string nor a list with a template named 'default'.");
    }
}
