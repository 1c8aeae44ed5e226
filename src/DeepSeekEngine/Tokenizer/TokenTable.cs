using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>The bytes every token stands for, built from a tokenizer.json whose parts are checked against each other.</summary>
internal sealed class TokenTable
{
    /// <summary>
    /// How many ids may stand for nothing, beside three for each token. Published tokenizers have hardly any such ids; a vocabulary that
    /// was cut down keeps those of the large one. A table as long as one id says, whatever it says, could exhaust the memory.
    /// </summary>
    private const int MaxGaps = 1 << 18;

    private TokenTable(byte[] bytes, int[] starts, int[] byteTokens, int maxTokenBytes)
    {
        Bytes = bytes;
        Starts = starts;
        ByteTokens = byteTokens;
        MaxTokenBytes = maxTokenBytes;
    }

    /// <summary>The bytes of all tokens in order.</summary>
    public byte[] Bytes { get; }

    /// <summary>[ids + 1]: where each token's bytes begin.</summary>
    public int[] Starts { get; }

    /// <summary>[256]: the token of each byte; -1 for one without, which occurs in no UTF-8.</summary>
    public int[] ByteTokens { get; }

    public int MaxTokenBytes { get; }

    /// <exception cref="ModelFormatException">Ids are given twice or are absurd, or a token is not written in the byte
    /// alphabet.</exception>
    public static TokenTable Build(string path, TokenizerFile file)
    {
        string?[] contents = ContentsById(path, file, out HashSet<int> added);
        using MemoryStream bytes = new();
        int[] starts = new int[contents.Length + 1];
        int[] byteTokens = new int[256];
        Array.Fill(byteTokens, -1);
        int longest = 0;
        for (int id = 0; id < contents.Length; id++)
        {
            if (contents[id] is string content)
            {
                if (added.Contains(id))
                {
                    bytes.Write(Encoding.UTF8.GetBytes(content));
                }
                else
                {
                    WriteSymbols(path, id, content, bytes);
                    if (content.Length == 1)
                    {
                        byteTokens[ByteAlphabet.ByteOf(content[0])] = id;
                    }
                }
            }

            starts[id + 1] = (int)bytes.Length;
            longest = Math.Max(longest, starts[id + 1] - starts[id]);
        }

        for (int value = 0; value < 256; value++)
        {
            if (byteTokens[value] < 0 && OccursInUtf8(value))
            {
                throw new ModelFormatException(path,
                    $"'model.vocab' has no token for byte 0x{value:X2}; byte-level BPE needs one for each byte that occurs in UTF-8.");
            }
        }

        return new TokenTable(bytes.ToArray(), starts, byteTokens, longest);
    }

    /// <summary>
    /// 13 bytes never do, and vocabularies made of the bytes that a corpus holds, such as those of the first DeepSeek models, lack them.
    /// </summary>
    private static bool OccursInUtf8(int value) => value is not (0xC0 or 0xC1 or >= 0xF5);

    private static string?[] ContentsById(string path, TokenizerFile file, out HashSet<int> added)
    {
        int largest = 0;
        foreach (int id in file.Vocabulary.Values)
        {
            largest = Math.Max(largest, id);
        }

        foreach (AddedToken token in file.AddedTokens)
        {
            largest = Math.Max(largest, token.Id);
        }

        long tokens = (long)file.Vocabulary.Count + file.AddedTokens.Count;
        if (largest > (4 * tokens) + MaxGaps)
        {
            throw new ModelFormatException(path, $"a token has id {largest}, but there are only {tokens} tokens.");
        }

        string?[] contents = new string?[largest + 1];
        foreach ((string content, int id) in file.Vocabulary)
        {
            if (contents[id] is string other)
            {
                throw new ModelFormatException(path, $"id {id} is given to two tokens, '{other}' and '{content}'.");
            }

            contents[id] = content;
        }

        added = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (AddedToken token in file.AddedTokens)
        {
            if (!added.Add(token.Id) || !names.Add(token.Content))
            {
                throw new ModelFormatException(path, $"added token {token.Id}, '{token.Content}', is listed twice.");
            }

            if ((contents[token.Id] is string other && other != token.Content)
                || (file.Vocabulary.TryGetValue(token.Content, out int id) && id != token.Id))
            {
                throw new ModelFormatException(path, $"added token {token.Id}, '{token.Content}', contradicts 'model.vocab'.");
            }

            contents[token.Id] = token.Content;
        }

        return contents;
    }

    private static void WriteSymbols(string path, int id, string content, MemoryStream bytes)
    {
        foreach (char symbol in content)
        {
            int value = ByteAlphabet.ByteOf(symbol);
            if (value < 0)
            {
                throw new ModelFormatException(path,
                    $"token {id}, '{content}', contains U+{(int)symbol:X4}, which stands for no byte in byte-level BPE, "
                        + "and is no added token.");
            }

            bytes.WriteByte((byte)value);
        }
    }
}
