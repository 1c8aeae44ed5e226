using System.Text;
using System.Text.Json;
using DeepSeekEngine.Tokenizer.Patterns;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Makes of tokenizer.json's pre_tokenizer what it describes: Split (Isolated), Digits and, as the last step, ByteLevel, alone or in a
/// Sequence. Each step is a pattern: Digits is <c>\p{N}</c> or <c>\p{N}+</c>, and ByteLevel brings GPT-2's unless its use_regex is false.
/// </summary>
internal sealed class PreTokenizerReader
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly string _path;

    private readonly List<string> _patterns = [];

    /// <summary>
    /// Whether ByteLevel was seen. After it text is written in <see cref="ByteAlphabet"/>, and patterns would match that.
    /// </summary>
    private bool _complete;

    private PreTokenizerReader(string path) => _path = path;

    /// <param name="path">The file, for messages.</param>
    /// <param name="preTokenizer">The file's pre_tokenizer.</param>
    /// <exception cref="ModelFormatException">A pattern is no regular expression.</exception>
    /// <exception cref="UnsupportedModelException">There is a step that would cut text in another way, or a pattern that is not
    /// supported.</exception>
    public static IPreTokenizer Read(string path, JsonElement preTokenizer)
    {
        IReadOnlyList<string> patterns = ReadPatterns(path, preTokenizer);
        return patterns.SequenceEqual(DeepSeekV3PreTokenizer.Patterns)
            ? new DeepSeekV3PreTokenizer()
            : new PatternPreTokenizer([.. patterns.Select(pattern => new Pattern(path, pattern))]);
    }

    /// <summary>The patterns of all steps in order.</summary>
    /// <inheritdoc cref="Read"/>
    public static IReadOnlyList<string> ReadPatterns(string path, JsonElement preTokenizer)
    {
        PreTokenizerReader reader = new(path);
        reader.ReadStep(preTokenizer);
        return reader._complete
            ? reader._patterns
            : throw reader.Unsupported("expected a pre_tokenizer that ends in a ByteLevel step", preTokenizer);
    }

    private UnsupportedModelException Unsupported(string problem, JsonElement found)
        => new(_path, $"{problem}. Found: {TokenizerJson.Describe(found)}");

    private void ReadStep(JsonElement step)
    {
        string? type = TokenizerJson.TypeOf(step);
        if (_complete)
        {
            throw Unsupported("a step of the pre_tokenizer comes after ByteLevel, which must be the last", step);
        }

        switch (type)
        {
            case "Sequence" when step.TryGetProperty("pretokenizers", out JsonElement steps) && steps.ValueKind == JsonValueKind.Array:
                foreach (JsonElement inner in steps.EnumerateArray())
                {
                    ReadStep(inner);
                }

                break;
            case "Split":
                ReadSplit(step);
                break;
            case "Digits":
                _patterns.Add(TokenizerJson.IsTrue(step, "individual_digits") ? @"\p{N}" : @"\p{N}+");
                break;
            case "ByteLevel" when !TokenizerJson.IsTrue(step, "add_prefix_space"):
                _complete = true;
                if (TokenizerJson.IsTrue(step, "use_regex", ifMissing: true))
                {
                    _patterns.Add(Gpt2Pattern);
                }

                break;
            default:
                throw Unsupported("the pre_tokenizer has a step other than Split, Digits and ByteLevel without a prefix space", step);
        }
    }

    private void ReadSplit(JsonElement step)
    {
        if (TokenizerJson.IsTrue(step, "invert") || !step.TryGetProperty("behavior", out JsonElement behavior)
            || behavior.ValueKind != JsonValueKind.String || !behavior.ValueEquals("Isolated"))
        {
            throw Unsupported("the pre_tokenizer has a Split that does not isolate what its pattern matches", step);
        }

        if (step.TryGetProperty("pattern", out JsonElement pattern) && pattern.ValueKind == JsonValueKind.Object)
        {
            if (pattern.TryGetProperty("Regex", out JsonElement regex) && regex.ValueKind == JsonValueKind.String)
            {
                _patterns.Add(regex.GetString()!);
                return;
            }

            if (pattern.TryGetProperty("String", out JsonElement literal) && literal.ValueKind == JsonValueKind.String)
            {
                AddLiteral(literal.GetString()!);
                return;
            }
        }

        throw new ModelFormatException(_path, $"the pre_tokenizer has a Split without a pattern: {TokenizerJson.Describe(step)}");
    }

    private void AddLiteral(string literal)
    {
        StringBuilder pattern = new();
        foreach (char unit in literal)
        {
            if (char.IsAscii(unit) && !char.IsAsciiLetterOrDigit(unit))
            {
                pattern.Append('\\');
            }

            pattern.Append(unit);
        }

        _patterns.Add(pattern.ToString());
    }
}
