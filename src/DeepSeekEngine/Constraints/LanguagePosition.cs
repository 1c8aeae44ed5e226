namespace DeepSeekEngine.Constraints;

/// <summary>A position in a text of a regular language.</summary>
internal sealed record LanguagePosition(TextLanguage Language, int State) : TextPosition
{
    public override bool MayEnd => Language.Accepts(State);

    public override bool MayContinue => Language.CanContinue(State);

    public static LanguagePosition StartOf(TextLanguage language) => new(language, language.Start);

    public override LanguagePosition? Next(int scalar) => At(Language.Next(State, scalar));

    public override bool MayContinueIn(int first, int last, out TextPosition? common)
    {
        var next = Language.NextOfRange(State, first, last);
        common = next == TextLanguage.Various ? null : At(next);
        return next != TextLanguage.Dead;
    }

    private LanguagePosition? At(int state)
        => state == State ? this : state == TextLanguage.Dead ? null : new LanguagePosition(Language, state);
}
