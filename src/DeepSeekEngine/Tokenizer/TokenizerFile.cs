using System.Text.Json;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Tokenizer;

/// <summary>What tokenizer.json says: a byte-level BPE model, the tokens added to it, and how text is cut.</summary>
internal sealed class TokenizerFile
{
    /// <summary>A published tokenizer.json has 4 to 20 MB.</summary>
    private const long MaxFileBytes = 512L << 20;

    private readonly string _path;

    private JsonElement _preTokenizer;

    private JsonElement _normalizer;

    private JsonElement _decoder;

    private bool _hasModel;

    private TokenizerFile(string path) => _path = path;

    /// <summary>Tokens of the BPE model, written in <see cref="ByteAlphabet"/>.</summary>
    public Dictionary<string, int> Vocabulary { get; } = new(StringComparer.Ordinal);

    public List<AddedToken> AddedTokens { get; } = [];

    public Dictionary<ulong, Merge> Merges { get; } = [];

    public IPreTokenizer PreTokenizer { get; private set; } = null!;

    /// <summary>Whether text is brought into Normalization Form C before it is cut.</summary>
    public bool Composes { get; private set; }

    /// <summary>Whether a piece of text that is a token is that token, even if merges lead to others.</summary>
    public bool IgnoresMerges { get; private set; }

    /// <exception cref="ModelFormatException">The file is missing, damaged or contradicts itself.</exception>
    /// <exception cref="UnsupportedModelException">The file describes another kind of tokenizer.</exception>
    public static TokenizerFile Read(string path)
    {
        byte[] json = CheckpointFile.ReadBytes(path, MaxFileBytes);
        TokenizerFile file = new(path);
        TokenizerJson.Parse(path, () =>
        {
            file.ReadRoot(json);
            file.ReadPipeline();
            file.PreTokenizer = PreTokenizerReader.Read(path, file._preTokenizer);
        });
        return file;
    }

    private ModelFormatException Malformed(string problem) => new(_path, problem);

    private UnsupportedModelException Unsupported(string problem) => new(_path, problem);

    private void ReadRoot(byte[] json)
    {
        Utf8JsonReader reader = new(json);
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, "the file");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "model":
                    ReadModel(ref reader);
                    break;
                case "added_tokens":
                    ReadAddedTokens(JsonElement.ParseValue(ref reader));
                    break;
                case "pre_tokenizer":
                    _preTokenizer = JsonElement.ParseValue(ref reader);
                    break;
                case "normalizer":
                    _normalizer = JsonElement.ParseValue(ref reader);
                    break;
                case "decoder":
                    _decoder = JsonElement.ParseValue(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (!_hasModel)
        {
            throw Malformed("there is no 'model'.");
        }
    }

    /// <summary>
    /// The model's parts may come in any order, but merges are looked up in the vocabulary, so both are read when all has been seen.
    /// </summary>
    private void ReadModel(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "'model'");
        Utf8JsonReader vocabulary = default;
        Utf8JsonReader merges = default;
        string? type = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "type":
                    type = reader.TokenType == JsonTokenType.String ? reader.GetString() : reader.TokenType.ToString();
                    break;
                case "vocab":
                    vocabulary = reader;
                    break;
                case "merges":
                    merges = reader;
                    break;
                case "continuing_subword_prefix" or "end_of_word_suffix"
                    when reader.TokenType != JsonTokenType.Null && !IsEmptyString(ref reader):
                case "byte_fallback" when reader.TokenType == JsonTokenType.True:
                case "dropout"
                    when reader.TokenType != JsonTokenType.Null && !(reader.TokenType == JsonTokenType.Number && reader.GetDouble() == 0):
                    throw Unsupported($"the model uses '{name}', which byte-level BPE as DeepSeek publishes it does not.");
                case "ignore_merges":
                    IgnoresMerges = reader.TokenType == JsonTokenType.True;
                    break;
            }

            reader.Skip();
        }

        if (type is not null and not "BPE")
        {
            throw Malformed($"the model's type is '{TokenizerJson.Shorten(type)}'; expected 'BPE'.");
        }

        Expect(ref vocabulary, JsonTokenType.StartObject, "'model.vocab'");
        ReadVocabulary(ref vocabulary);
        Expect(ref merges, JsonTokenType.StartArray, "'model.merges'");
        ReadMerges(ref merges);
        _hasModel = true;
    }

    private static bool IsEmptyString(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(""u8);

    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string token = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0)
            {
                throw Malformed($"the id of token '{TokenizerJson.Shorten(token)}' is not a number between 0 and {int.MaxValue}.");
            }

            if (token.Length == 0 || !Vocabulary.TryAdd(token, id))
            {
                throw Malformed(token.Length == 0
                    ? $"token {id} is empty."
                    : $"token '{TokenizerJson.Shorten(token)}' is in 'model.vocab' twice.");
            }
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader)
    {
        Merges.EnsureCapacity(Vocabulary.Count);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabulary = Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int rank = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; rank++)
        {
            (string left, string right) = ReadPair(ref reader, rank);
            string merged = left + right;
            if (!vocabulary.TryGetValue(left, out int leftId) || !vocabulary.TryGetValue(right, out int rightId)
                || !vocabulary.TryGetValue(merged, out int mergedId))
            {
                throw Malformed($"merge {rank}, '{TokenizerJson.Shorten(left)}' and '{TokenizerJson.Shorten(right)}' "
                    + $"to '{TokenizerJson.Shorten(merged)}', names a token that is not in 'model.vocab'.");
            }

            if (!Merges.TryAdd(MergeTable.Key(leftId, rightId), new Merge(rank, mergedId)))
            {
                throw Malformed($"merge {rank}, '{TokenizerJson.Shorten(left)}' and '{TokenizerJson.Shorten(right)}', is listed twice.");
            }
        }

        if (Merges.Count == 0)
        {
            throw Malformed("'model.merges' is empty.");
        }
    }

    /// <summary>A merge is <c>"a b"</c> or, in newer files, <c>["a", "b"]</c>.</summary>
    private (string Left, string Right) ReadPair(ref Utf8JsonReader reader, int rank)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            string pair = reader.GetString()!;
            int space = pair.IndexOf(' ');
            if (space > 0 && space < pair.Length - 1)
            {
                return (pair[..space], pair[(space + 1)..]);
            }
        }
        else if (reader.TokenType == JsonTokenType.StartArray
            && JsonElement.ParseValue(ref reader) is var pair && pair.GetArrayLength() == 2
            && pair[0].ValueKind == JsonValueKind.String && pair[1].ValueKind == JsonValueKind.String)
        {
            return (pair[0].GetString()!, pair[1].GetString()!);
        }

        throw Malformed($"merge {rank} is not a pair of tokens.");
    }

    private void ReadAddedTokens(JsonElement tokens)
    {
        if (tokens.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        foreach (JsonElement token in tokens.EnumerateArray())
        {
            if (token.ValueKind != JsonValueKind.Object
                || !token.TryGetProperty("id", out JsonElement idElement) || idElement.ValueKind != JsonValueKind.Number
                || !idElement.TryGetInt32(out int id) || id < 0
                || !token.TryGetProperty("content", out JsonElement contentElement) || contentElement.ValueKind != JsonValueKind.String)
            {
                throw Malformed($"added token '{TokenizerJson.Shorten(token.GetRawText())}' has no 'content' or no 'id' "
                    + $"between 0 and {int.MaxValue}.");
            }

            string content = contentElement.GetString()!;
            if (content.Length == 0)
            {
                throw Malformed($"added token {id} is empty.");
            }

            foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip"])
            {
                if (TokenizerJson.IsTrue(token, flag))
                {
                    throw Unsupported($"added token '{TokenizerJson.Shorten(content)}' is marked '{flag}', which no DeepSeek tokenizer does.");
                }
            }

            AddedTokens.Add(new AddedToken(id, content, TokenizerJson.IsTrue(token, "special")));
        }
    }

    /// <summary>Anything but the known steps would give other ids without a sign of it, so it is refused.</summary>
    private void ReadPipeline()
    {
        ReadNormalizer(_normalizer);
        if (TokenizerJson.TypeOf(_decoder) != "ByteLevel")
        {
            throw Unsupported($"expected a ByteLevel decoder and found {TokenizerJson.Describe(_decoder)}.");
        }
    }

    private void ReadNormalizer(JsonElement normalizer)
    {
        if (normalizer.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return;
        }

        switch (TokenizerJson.TypeOf(normalizer))
        {
            case "NFC":
                Composes = true;
                break;
            case "Sequence" when normalizer.TryGetProperty("normalizers", out JsonElement steps) && steps.ValueKind == JsonValueKind.Array:
                foreach (JsonElement step in steps.EnumerateArray())
                {
                    ReadNormalizer(step);
                }

                break;
            default:
                throw Unsupported($"expected no normalizer other than NFC and found {TokenizerJson.Describe(normalizer)}.");
        }
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType expected, string what)
    {
        if (reader.TokenType != expected)
        {
            throw Malformed(reader.TokenType == JsonTokenType.None
                ? $"there is no {what}."
                : $"{what} is not {(expected == JsonTokenType.StartArray ? "a list" : "an object")}.");
        }
    }
}
