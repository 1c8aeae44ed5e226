using System.Numerics.Tensors;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// What a state makes of the tokens, or of what is left of them from some nodes of the trie on, as far as can be said without what is below
/// it. Immutable.
/// </summary>
internal sealed class StateMask
{
    /// <summary>The allowed tokens as a mask, where they are too many for a list.</summary>
    private readonly ulong[]? _mask;

    private readonly int[] _tokens;

    /// <summary>Creates one.</summary>
    /// <param name="mask">The tokens that are allowed whatever is below the state.</param>
    /// <param name="rest">Where the state is left with a part of a token to go.</param>
    /// <param name="undecided">Tokens that may be allowed too, which depends on more than the state.</param>
    public StateMask(ReadOnlySpan<ulong> mask, NodeSet rest, int[] undecided)
    {
        Rest = rest;
        Undecided = undecided;
        var isList = TokenMask.Count(mask) * sizeof(int) <= mask.Length * sizeof(ulong);
        _tokens = isList ? TokenMask.Tokens(mask) : [];
        _mask = isList ? null : mask.ToArray();
    }

    public NodeSet Rest { get; }

    public int[] Undecided { get; }

    /// <summary>What it takes in memory, roughly.</summary>
    public long Bytes => 200 + ((_mask?.Length ?? 0) * sizeof(ulong)) + ((_tokens.Length + Rest.Nodes.Length + Undecided.Length) * sizeof(int));

    /// <summary>Adds the allowed tokens to a mask.</summary>
    public void AddTo(Span<ulong> mask)
    {
        if (_mask is not null)
        {
            TensorPrimitives.BitwiseOr(mask, _mask, mask);
        }

        foreach (var token in _tokens)
        {
            TokenMask.Add(mask, token);
        }
    }
}
