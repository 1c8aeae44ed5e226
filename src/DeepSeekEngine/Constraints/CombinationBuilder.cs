namespace DeepSeekEngine.Constraints;

/// <summary>Walks two automata at the same time; a text is accepted by whether the one and the other accept it.</summary>
/// <param name="alphabet">What either tells apart.</param>
/// <param name="parts">The symbols of the two that a symbol is a part of.</param>
/// <param name="left">The one.</param>
/// <param name="right">The other.</param>
/// <param name="accepts">Whether the text is accepted.</param>
internal sealed class CombinationBuilder(
    Alphabet alphabet,
    IReadOnlyList<(int Left, int Right)> parts,
    Automaton left,
    Automaton right,
    Func<bool, bool, bool> accepts)
    : LanguageBuilder<(int Left, int Right)>(alphabet, "a combination of patterns, lengths, ranges or literals")
{
    /// <summary>Whether a text that the one, or the other, no longer accepts may be accepted.</summary>
    private readonly bool _needsLeft = !accepts(false, true);

    private readonly bool _needsRight = !accepts(true, false);

    protected override bool Accepts((int Left, int Right) key)
        => accepts(key.Left != TextLanguage.Dead && left.Accepts(key.Left), key.Right != TextLanguage.Dead && right.Accepts(key.Right));

    protected override void Step((int Left, int Right) key, Span<int> targets)
    {
        for (int symbol = 0; symbol < targets.Length; symbol++)
        {
            int nextLeft = key.Left == TextLanguage.Dead ? TextLanguage.Dead : left.Next(key.Left, parts[symbol].Left);
            int nextRight = key.Right == TextLanguage.Dead ? TextLanguage.Dead : right.Next(key.Right, parts[symbol].Right);
            bool leftDead = nextLeft == TextLanguage.Dead;
            bool rightDead = nextRight == TextLanguage.Dead;
            if (!(leftDead && rightDead) && !(leftDead && _needsLeft) && !(rightDead && _needsRight))
            {
                targets[symbol] = StateOf((nextLeft, nextRight));
            }
        }
    }
}
