namespace DeepSeekEngine.Constraints;

/// <summary>
/// The white space that may come between two tokens of JSON: a space, or a line break and the blanks that indent the next line, at most
/// <see cref="BlanksPerLevel"/> for each array and object around. Limits, because a model that is unsure what to write next may otherwise
/// write blanks for ever.
/// </summary>
internal sealed record WhitespaceState : State
{
    /// <summary>Within a line.</summary>
    public static readonly WhitespaceState Space = new(LineBreak.Done, 1);

    private const int BlanksPerLevel = 4;

    private readonly LineBreak _lineBreak;

    private readonly int _blanks;

    private WhitespaceState(LineBreak lineBreak, int blanks)
    {
        _lineBreak = lineBreak;
        _blanks = blanks;
    }

    private enum LineBreak
    {
        None,
        Return,
        Done,
    }

    public override bool MayPop => true;

    /// <summary>Where a line may end.</summary>
    /// <param name="level">How many arrays and objects are around.</param>
    public static WhitespaceState Line(int level) => new(LineBreak.None, BlanksPerLevel * level);

    /// <summary>The same, inside of arrays and objects whose items and members may be nested so deeply.</summary>
    public static WhitespaceState LineAtDepth(int depth) => Line(Grammar.MaxDepth - depth);

    public override void Step(int symbol, Stepper stepper)
    {
        switch (symbol)
        {
            case ' ' when _lineBreak is LineBreak.None:
                stepper.Become(new WhitespaceState(LineBreak.Done, 0));
                break;
            case ' ' or '\t' when _lineBreak is LineBreak.Done && _blanks > 0:
                stepper.Become(new WhitespaceState(LineBreak.Done, _blanks - 1));
                break;
            case '\n' when _lineBreak is not LineBreak.Done:
                stepper.Become(new WhitespaceState(LineBreak.Done, _blanks));
                break;
            case '\r' when _lineBreak is LineBreak.None:
                stepper.Become(new WhitespaceState(LineBreak.Return, _blanks));
                break;
        }
    }
}
