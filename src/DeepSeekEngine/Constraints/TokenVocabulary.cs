using System.Runtime.InteropServices;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// The tokens that spell text, as a trie of their bytes in depth-first order, and the masks computed over it so far. Takes some tens of
/// milliseconds to build for a vocabulary of 128k; build it once for a model. Safe for several threads.
/// </summary>
internal sealed class TokenVocabulary
{
    private readonly DeepSeekTokenizer _tokenizer;

    private readonly TrieNode[] _nodes;

    /// <summary>The tokens whose bytes another token has as well, by the node they lead to.</summary>
    private readonly Dictionary<int, List<int>> _duplicates = [];

    /// <summary>Builds it.</summary>
    /// <param name="tokenizer">What the tokens stand for.</param>
    /// <param name="sampledVocabulary">How many tokens there are logits for.</param>
    /// <exception cref="ArgumentException">Not every byte of UTF-8 is a token, so that some texts could be begun but not completed.
    /// </exception>
    public TokenVocabulary(DeepSeekTokenizer tokenizer, int sampledVocabulary)
    {
        _tokenizer = tokenizer;
        Size = sampledVocabulary;
        MaskLength = (sampledVocabulary + 63) / 64;
        var tokens = Enumerable.Range(0, Math.Min(tokenizer.VocabSize, sampledVocabulary))
            .Where(IsText)
            .ToArray();
        Array.Sort(tokens, (left, right) => tokenizer.TokenBytes(left).SequenceCompareTo(tokenizer.TokenBytes(right)));
        _nodes = Build(tokens);
        CheckBytes();
        Masks = new MaskCache(this);
    }

    /// <summary>How many tokens there are logits for.</summary>
    public int Size { get; }

    /// <summary>How many words a mask has.</summary>
    public int MaskLength { get; }

    public MaskCache Masks { get; }

    /// <summary>The trie, depth first; the first node is the root, and the children of a node are in the order of their bytes.</summary>
    public ReadOnlySpan<TrieNode> Nodes => _nodes;

    /// <summary>
    /// Whether the token is matched by its bytes. Added tokens are not, whether the tokenizer calls them special or not: to a model, and
    /// to what reads its answers, the end of reasoning or of a tool's call is another thing than the text it is written as.
    /// </summary>
    public bool IsText(int token) => (uint)token < (uint)Size && !_tokenizer.IsAdded(token) && Bytes(token).Length > 0;

    public ReadOnlySpan<byte> Bytes(int token) => _tokenizer.TokenBytes(token);

    /// <summary>Adds the tokens that lead to a node to a mask.</summary>
    public void AddTokens(int node, Span<ulong> mask)
    {
        if (_nodes[node].Token is >= 0 and var token)
        {
            TokenMask.Add(mask, token);
            foreach (var other in Duplicates(node))
            {
                TokenMask.Add(mask, other);
            }
        }
    }

    /// <summary>Takes the tokens that lead to a node out of a mask.</summary>
    public void RemoveTokens(int node, Span<ulong> mask)
    {
        if (_nodes[node].Token is >= 0 and var token)
        {
            TokenMask.Remove(mask, token);
            foreach (var other in Duplicates(node))
            {
                TokenMask.Remove(mask, other);
            }
        }
    }

    private ReadOnlySpan<int> Duplicates(int node)
        => _duplicates.Count > 0 && _duplicates.TryGetValue(node, out var others) ? CollectionsMarshal.AsSpan(others) : [];

    private TrieNode[] Build(int[] tokens)
    {
        var nodes = new List<TrieNode> { new(0, -1, 0, 0) };
        List<int> path = [0];
        ReadOnlySpan<byte> previous = [];
        foreach (var token in tokens)
        {
            var bytes = Bytes(token);
            var common = previous.CommonPrefixLength(bytes);
            Close(nodes, path, common);
            for (var depth = common; depth < bytes.Length; depth++)
            {
                path.Add(nodes.Count);
                nodes.Add(new TrieNode(0, -1, checked((ushort)(depth + 1)), bytes[depth]));
            }

            if (nodes[path[^1]].Token < 0)
            {
                nodes[path[^1]] = nodes[path[^1]] with { Token = token };
            }
            else if (_duplicates.TryGetValue(path[^1], out var others))
            {
                others.Add(token);
            }
            else
            {
                _duplicates.Add(path[^1], [token]);
            }

            previous = bytes;
        }

        Close(nodes, path, -1);
        return [.. nodes];
    }

    /// <summary>Ends the nodes of a path that are deeper than <paramref name="depth"/>.</summary>
    private static void Close(List<TrieNode> nodes, List<int> path, int depth)
    {
        while (path.Count > depth + 1)
        {
            nodes[path[^1]] = nodes[path[^1]] with { End = nodes.Count };
            path.RemoveAt(path.Count - 1);
        }
    }

    private void CheckBytes()
    {
        var known = new bool[256];
        for (var node = 1; node < _nodes.Length; node = _nodes[node].End)
        {
            known[_nodes[node].Byte] = _nodes[node].Token >= 0;
        }

        for (var value = 0; value < known.Length; value++)
        {
            if (!known[value] && value is not (0xC0 or 0xC1 or >= 0xF5))
            {
                throw new ArgumentException(
                    $"No token that is sampled stands for byte 0x{value:X2} alone; constrained text needs one for each byte of UTF-8.",
                    nameof(_tokenizer));
            }
        }
    }
}
