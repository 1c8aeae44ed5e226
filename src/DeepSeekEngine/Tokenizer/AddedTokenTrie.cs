using System.Buffers;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Finds added tokens in text: leftmost first, the longest where several begin at the same place.</summary>
internal sealed class AddedTokenTrie
{
    private const int Root = 0;

    private readonly Dictionary<(int Node, char Symbol), int> _children = [];

    /// <summary>The token that ends in a node; -1 where none does.</summary>
    private readonly List<int> _tokens = [-1];

    private readonly SearchValues<char> _firstSymbols;

    public AddedTokenTrie(IEnumerable<AddedToken> tokens)
    {
        HashSet<char> first = [];
        foreach (AddedToken token in tokens)
        {
            first.Add(token.Content[0]);
            int node = Root;
            foreach (char symbol in token.Content)
            {
                if (!_children.TryGetValue((node, symbol), out int child))
                {
                    child = _tokens.Count;
                    _children.Add((node, symbol), child);
                    _tokens.Add(-1);
                }

                node = child;
            }

            _tokens[node] = token.Id;
        }

        _firstSymbols = SearchValues.Create([.. first]);
    }

    /// <summary>Finds the first match in <paramref name="text"/> at or after <paramref name="from"/>.</summary>
    /// <returns>The match, or null.</returns>
    public (int Start, int Length, int Token)? Find(ReadOnlySpan<char> text, int from)
    {
        while (text[from..].IndexOfAny(_firstSymbols) is >= 0 and int skipped)
        {
            int start = from + skipped;
            int length = 0;
            int token = -1;
            int node = Root;
            for (int i = start; i < text.Length && _children.TryGetValue((node, text[i]), out node); i++)
            {
                if (_tokens[node] >= 0)
                {
                    token = _tokens[node];
                    length = i + 1 - start;
                }
            }

            if (token >= 0)
            {
                return (start, length, token);
            }

            from = start + 1;
        }

        return null;
    }
}
