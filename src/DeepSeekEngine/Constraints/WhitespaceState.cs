namespace DeepSeekEngine.Constraints;

/// <summary>
/// The white space that may come between two tokens of JSON: at most one line break and <see cref="MaxBlanks"/> spaces or tabs. A limit,
/// because a model that is unsure what to write next may otherwise write blanks for ever.
/// </summary>
internal sealed record WhitespaceState : State
{
    private const int MaxBlanks = 64;

    /// <summary>Before any white space.</summary>
    public static readonly WhitespaceState Start = new(LineBreak.None, MaxBlanks);

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

    public override void Step(int symbol, Stepper stepper)
    {
        switch (symbol)
        {
            case ' ' or '\t' when _blanks > 0:
                stepper.Become(new WhitespaceState(_lineBreak is LineBreak.None ? LineBreak.None : LineBreak.Done, _blanks - 1));
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
