namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>A part of a parsed pattern.</summary>
internal abstract record PatternNode
{
    /// <summary>Whether the part can match without consuming anything.</summary>
    public abstract bool CanBeEmpty { get; }
}

/// <summary>One code point out of a class.</summary>
internal sealed record CharacterNode(CharacterClass Class) : PatternNode
{
    public override bool CanBeEmpty => false;
}

/// <summary>Parts one after the other.</summary>
internal sealed record SequenceNode(IReadOnlyList<PatternNode> Items) : PatternNode
{
    public override bool CanBeEmpty { get; } = Items.All(item => item.CanBeEmpty);
}

/// <summary>The first of several parts with which the rest matches too.</summary>
internal sealed record AlternationNode(IReadOnlyList<PatternNode> Items) : PatternNode
{
    public override bool CanBeEmpty { get; } = Items.Any(item => item.CanBeEmpty);
}

/// <summary>As many of a part as there are, between <paramref name="Min"/> and <paramref name="Max"/>.</summary>
/// <param name="Item">What is repeated. It consumes something.</param>
/// <param name="Min">The least number.</param>
/// <param name="Max">The greatest number; <see cref="Unlimited"/> for none.</param>
/// <param name="Possessive">Whether nothing is given back when what follows does not match.</param>
internal sealed record RepeatNode(PatternNode Item, int Min, int Max, bool Possessive) : PatternNode
{
    public const int Unlimited = int.MaxValue;

    public override bool CanBeEmpty => Min == 0;
}

/// <summary><c>^</c> or <c>$</c>.</summary>
internal sealed record LineBorderNode(bool End) : PatternNode
{
    public override bool CanBeEmpty => true;
}

/// <summary><c>(?=...)</c> or <c>(?!...)</c>.</summary>
internal sealed record LookaheadNode(PatternNode Body, bool Negative) : PatternNode
{
    public override bool CanBeEmpty => true;
}
