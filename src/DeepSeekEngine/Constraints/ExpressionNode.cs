namespace DeepSeekEngine.Constraints;

/// <summary>A part of a parsed regular expression.</summary>
internal abstract record ExpressionNode;

/// <summary>One scalar value out of a set.</summary>
internal sealed record ScalarNode(ScalarSet Set) : ExpressionNode;

/// <summary>Parts one after the other.</summary>
internal sealed record SequenceNode(IReadOnlyList<ExpressionNode> Items) : ExpressionNode;

/// <summary>One of several parts.</summary>
internal sealed record AlternationNode(IReadOnlyList<ExpressionNode> Items) : ExpressionNode;

/// <summary>A part so many times.</summary>
/// <param name="Item">The part.</param>
/// <param name="Min">The fewest times.</param>
/// <param name="Max">The most; null for no limit.</param>
internal sealed record RepetitionNode(ExpressionNode Item, int Min, int? Max) : ExpressionNode;

/// <summary>Nothing, where the text before and after is of a kind.</summary>
internal sealed record AssertionNode(Assertion Assertion) : ExpressionNode;

/// <summary>What the text before and after a place is like.</summary>
internal enum Assertion
{
    /// <summary>The text begins here: <c>^</c>.</summary>
    Start,

    /// <summary>The text ends here: <c>$</c>.</summary>
    End,

    /// <summary>A word begins or ends here: <c>\b</c>.</summary>
    WordBorder,

    /// <summary>No word begins or ends here: <c>\B</c>.</summary>
    NoWordBorder,
}
