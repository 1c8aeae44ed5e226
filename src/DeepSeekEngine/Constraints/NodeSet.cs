namespace DeepSeekEngine.Constraints;

/// <summary>Nodes of a trie from which to go on, compared by what it holds. Immutable.</summary>
internal sealed class NodeSet : IEquatable<NodeSet>
{
    private readonly int[] _nodes;

    private readonly int _hash;

    private NodeSet(int[] nodes)
    {
        _nodes = nodes;
        HashCode hash = default;
        foreach (var node in nodes)
        {
            hash.Add(node);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>The beginning of every token.</summary>
    public static NodeSet Root { get; } = new([0]);

    public static NodeSet Empty { get; } = new([]);

    public ReadOnlySpan<int> Nodes => _nodes;

    public bool HasRoot => _nodes.Length > 0 && _nodes[0] == 0;

    public static NodeSet Of(SortedSet<int> nodes)
        => nodes.Count == 0 ? Empty : nodes.Count == 1 && nodes.Min == 0 ? Root : new NodeSet([.. nodes]);

    public bool Equals(NodeSet? other)
        => ReferenceEquals(this, other) || (other is not null && _hash == other._hash && _nodes.AsSpan().SequenceEqual(other._nodes));

    public override bool Equals(object? obj) => Equals(obj as NodeSet);

    public override int GetHashCode() => _hash;
}
