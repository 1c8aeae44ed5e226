using System.Buffers;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Ends a streamed text before the stop sequence that is complete first; of those complete at the same character, before the longest.
/// Text that may still become one is held back; all other text is let through at once. One object follows one text.
/// </summary>
/// <remarks>
/// The automaton of Aho and Corasick (Efficient string matching, 1975): a node is a prefix of a stop sequence, namely the longest that
/// the text so far ends in, which is just the text held back. The time a character takes does not grow with the number of sequences.
/// </remarks>
internal sealed class StopSequences
{
    private const int Root = 0;

    private readonly List<Node> _nodes = [new Node(string.Empty, Depth: 0, Fallback: Root, Match: 0)];
    private readonly Dictionary<(int Node, char Next), int> _children = [];
    private readonly ArrayBufferWriter<char> _output = new();
    private int _node = Root;

    /// <param name="sequences">Each has at least one character.</param>
    public StopSequences(IReadOnlyList<string> sequences)
    {
        foreach (string sequence in sequences)
        {
            int node = Root;
            for (int i = 0; i < sequence.Length; i++)
            {
                if (!_children.TryGetValue((node, sequence[i]), out int child))
                {
                    child = _nodes.Count;
                    _children.Add((node, sequence[i]), child);
                    _nodes.Add(new Node(sequence, i + 1, Root, Match: 0));
                }

                node = child;
            }

            _nodes[node] = _nodes[node] with { Match = sequence.Length };
        }

        // Ascending depth, because a node's fallback is found from that of its parent and is less deep than the node.
        foreach (((int parent, char next), int child) in _children.OrderBy(edge => _nodes[edge.Value].Depth))
        {
            int fallback = parent == Root ? Root : Next(_nodes[parent].Fallback, next);
            Node node = _nodes[child];
            _nodes[child] = node with { Fallback = fallback, Match = node.Match > 0 ? node.Match : _nodes[fallback].Match };
        }
    }

    /// <summary>Whether a stop sequence was found: the text is at its end, and whatever is appended has no effect.</summary>
    public bool Matched { get; private set; }

    /// <summary>Appends to the text.</summary>
    /// <returns>What is now known to precede any stop sequence; valid until the next call.</returns>
    public ReadOnlySpan<char> Append(ReadOnlySpan<char> text)
    {
        if (_children.Count == 0)
        {
            return text;
        }

        _output.ResetWrittenCount();
        foreach (char c in text)
        {
            if (Matched)
            {
                break;
            }

            Node held = _nodes[_node];
            _node = Next(_node, c);
            Node node = _nodes[_node];
            Matched = node.Match > 0;
            int released = held.Depth + 1 - (Matched ? node.Match : node.Depth);
            _output.Write(held.Prefix[..Math.Min(released, held.Depth)]);
            if (released > held.Depth)
            {
                _output.Write([c]);
            }
        }

        return _output.WrittenSpan;
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back for a stop sequence that did not come.</returns>
    public ReadOnlySpan<char> Complete() => Matched ? [] : _nodes[_node].Prefix;

    /// <summary>Interrupts the text: no sequence spans what was appended and what will be.</summary>
    /// <returns>As <see cref="Complete"/> does.</returns>
    public ReadOnlySpan<char> Interrupt()
    {
        ReadOnlySpan<char> held = Complete();
        _node = Matched ? _node : Root;
        return held;
    }

    /// <summary>The node of the longest prefix of a stop sequence that the text ends in, a character after that of a given node.</summary>
    private int Next(int node, char c)
    {
        while (true)
        {
            if (_children.TryGetValue((node, c), out int child))
            {
                return child;
            }

            if (node == Root)
            {
                return Root;
            }

            node = _nodes[node].Fallback;
        }
    }

    /// <param name="Sequence">A stop sequence the node is a prefix of.</param>
    /// <param name="Depth">The length of that prefix.</param>
    /// <param name="Fallback">The node of the longest proper suffix of the prefix that is itself a prefix of a stop sequence.</param>
    /// <param name="Match">The length of the longest stop sequence the prefix ends in; 0 for none.</param>
    private readonly record struct Node(string Sequence, int Depth, int Fallback, int Match)
    {
        public ReadOnlySpan<char> Prefix => Sequence.AsSpan(0, Depth);
    }
}
