using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Byte-level BPE, as DeepSeek's models have it and the Qwen and Llama models it distilled R1 into: added tokens are cut out of the text
/// first, the rest is normalized where the file says so and cut by an <see cref="IPreTokenizer"/>, and the UTF-8 bytes of each piece are
/// merged by <see cref="BytePairEncoder"/>. No begin-of-sentence token is ever put in front, whatever the file's post_processor says: chat
/// templates write their own. Safe for several threads.
/// </summary>
internal sealed class DeepSeekTokenizer
{
    /// <summary>Names of the sentence tokens in every DeepSeek tokenizer, for directories without tokenizer_config.json.</summary>
    private const string DefaultBos = "<｜begin▁of▁sentence｜>";

    private const string DefaultEos = "<｜end▁of▁sentence｜>";

    private readonly bool _composes;

    private readonly IPreTokenizer _preTokenizer;

    private readonly WholePieces? _wholePieces;

    private readonly MergeTable _merges;

    private readonly AddedTokenTrie? _addedTokens;

    private readonly Dictionary<string, int> _addedTokenIds;

    private readonly HashSet<int> _added;

    private readonly HashSet<int> _special;

    private readonly Dictionary<string, int> _vocabulary;

    /// <summary>The bytes of all tokens, one after the other; token i has those from _starts[i] to _starts[i + 1].</summary>
    private readonly byte[] _bytes;

    private readonly int[] _starts;

    private DeepSeekTokenizer(TokenizerFile file, TokenTable table, TokenizerConfigFile config)
    {
        _composes = file.Composes;
        _preTokenizer = file.PreTokenizer;
        _wholePieces = file.IgnoresMerges ? new WholePieces(file.Vocabulary, table.MaxTokenBytes) : null;
        _merges = new MergeTable(table.ByteTokens, file.Merges);
        _vocabulary = file.Vocabulary;
        _addedTokens = file.AddedTokens.Count == 0 ? null : new AddedTokenTrie(file.AddedTokens);
        _addedTokenIds = file.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        _added = [.. _addedTokenIds.Values];
        _special = [.. file.AddedTokens.Where(token => token.Special).Select(token => token.Id)];
        _bytes = table.Bytes;
        _starts = table.Starts;
        MaxTokenBytes = table.MaxTokenBytes;
        (BosToken, BosText) = SentenceToken(config, config.BosToken, DefaultBos, "bos_token");
        (EosToken, EosText) = SentenceToken(config, config.EosToken, DefaultEos, "eos_token");
    }

    /// <summary>The largest token plus one. A model's vocab_size may be larger: its last rows then stand for no token.</summary>
    public int VocabSize => _starts.Length - 1;

    /// <summary>The length of the longest token in bytes.</summary>
    public int MaxTokenBytes { get; }

    /// <summary>The token that begins a sentence; null where the tokenizer has none.</summary>
    public int? BosToken { get; }

    public string? BosText { get; }

    /// <summary>The token that ends a sentence; null where the tokenizer has none.</summary>
    public int? EosToken { get; }

    public string? EosText { get; }

    /// <summary>Reads tokenizer.json and, where there is one, tokenizer_config.json.</summary>
    /// <param name="directory">The checkpoint's directory.</param>
    /// <exception cref="ModelFormatException">A file is missing, damaged or contradicts itself.</exception>
    /// <exception cref="UnsupportedModelException">The tokenizer is no byte-level BPE, or changes or cuts text in a way that is not
    /// supported.</exception>
    public static DeepSeekTokenizer Load(string directory)
    {
        string path = Path.Combine(directory, "tokenizer.json");
        TokenizerFile file = TokenizerFile.Read(path);
        return new DeepSeekTokenizer(file, TokenTable.Build(path, file), TokenizerConfigFile.Read(directory));
    }

    /// <summary>
    /// Appends the tokens of <paramref name="prompt"/> to <paramref name="ids"/>. Added tokens are found only where all of them is trusted.
    /// </summary>
    public void Encode(PromptText prompt, List<int> ids)
    {
        ReadOnlySpan<char> text = prompt.Text;
        PlainTextEncoder plain = new(_composes, _preTokenizer, _wholePieces, _merges, ids);
        int plainStart = 0;
        int runStart = 0;
        foreach (PromptRun run in prompt.Runs)
        {
            int at = runStart;
            while (run.Trusted && _addedTokens?.Find(text[..run.End], at) is { } match)
            {
                plain.Encode(text[plainStart..match.Start]);
                ids.Add(match.Token);
                plainStart = at = match.Start + match.Length;
            }

            runStart = run.End;
        }

        plain.Encode(text[plainStart..]);
    }

    /// <summary>The tokens of <paramref name="text"/>.</summary>
    /// <param name="text">Any text; a surrogate without its partner counts as U+FFFD.</param>
    /// <param name="parseAddedTokens">Whether what looks like an added token is one. Never true for text a user wrote.</param>
    public int[] Encode(string text, bool parseAddedTokens)
    {
        List<int> ids = [];
        Encode(parseAddedTokens ? PromptText.Trusted(text) : PromptText.Untrusted(text), ids);
        return [.. ids];
    }

    /// <summary>The bytes <paramref name="id"/> stands for, not always whole characters; none for an id that is not a token.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => (uint)id < (uint)VocabSize ? _bytes.AsSpan(_starts[id].._starts[id + 1]) : default;

    /// <summary>Whether the token is left out of decoded answers.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>Whether the token is one that is cut out of trusted text before anything else, and that no other text is ever encoded as.</summary>
    public bool IsAdded(int id) => _added.Contains(id);

    /// <summary>
    /// The token whose whole content is <paramref name="content"/>: an added token, or one of the vocabulary in its byte alphabet.
    /// </summary>
    public int? FindToken(string content)
        => _addedTokenIds.TryGetValue(content, out int id) || _vocabulary.TryGetValue(content, out id) ? id : null;

    /// <summary>The text of <paramref name="ids"/>; bytes that are no UTF-8 become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        int length = 0;
        foreach (int id in ids)
        {
            length = checked(length + TokenBytes(id).Length);
        }

        byte[] bytes = new byte[length];
        int written = 0;
        foreach (int id in ids)
        {
            if (!skipSpecial || !IsSpecial(id))
            {
                ReadOnlySpan<byte> token = TokenBytes(id);
                token.CopyTo(bytes.AsSpan(written));
                written += token.Length;
            }
        }

        return Encoding.UTF8.GetString(bytes.AsSpan(0, written));
    }

    private (int? Id, string? Text) SentenceToken(TokenizerConfigFile config, string? configured, string otherwise, string name)
    {
        string content = configured ?? otherwise;
        return FindToken(content) switch
        {
            int id => (id, content),
            null when configured is null => (null, null),
            null => throw new ModelFormatException(config.Path, $"'{name}' is '{configured}', which is not a token of tokenizer.json."),
        };
    }
}
