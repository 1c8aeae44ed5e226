namespace DeepSeekEngine.Constraints;

/// <summary>A position in a text of a regular language that is to be none of some texts, as long as it may still become one of them.</summary>
/// <param name="Language">The language.</param>
/// <param name="State">Where the text is in it.</param>
/// <param name="Used">Those of the other texts, all of the language, that begin so; at least one.</param>
internal sealed record UnusedPosition(TextLanguage Language, int State, WordRange Used) : TextPosition
{
    public override bool MayEnd => Language.Accepts(State) && Used.Whole < 0;

    public override bool MayContinue
    {
        get
        {
            var longer = Used.End - Used.FirstLonger;
            var whole = Language.Accepts(State) ? 1 : 0;
            return Language.CountFrom(State, longer + whole + 1) > longer + whole;
        }
    }

    /// <summary>The text as if no other were used: what becomes of it as soon as it differs from them.</summary>
    public LanguagePosition Free => new(Language, State);

    public override TextPosition? Next(int scalar)
    {
        var state = Language.Next(State, scalar);
        if (state == TextLanguage.Dead)
        {
            return null;
        }

        var used = Used.Narrow(scalar);
        return used.Count == 0 ? new LanguagePosition(Language, state)
            : Language.CountFrom(state, used.Count + 1) > used.Count ? new UnusedPosition(Language, state, used)
            : null;
    }

    public override bool MayContinueIn(int first, int last, out TextPosition? common)
    {
        var word = Used.FirstFrom(Used.FirstLonger, first);
        if (word == Used.End || Used.NextScalar(word) > last)
        {
            return Free.MayContinueIn(first, last, out common);
        }

        // Between the characters that used texts go on with lie such as any text of the language may go on with.
        common = null;
        for (; word < Used.End && Used.NextScalar(word) <= last; word = Used.FirstFrom(word, first))
        {
            var scalar = Used.NextScalar(word);
            if (Next(scalar) is not null || (first < scalar && Language.NextOfRange(State, first, scalar - 1) != TextLanguage.Dead))
            {
                return true;
            }

            first = scalar + 1;
        }

        return first <= last && Language.NextOfRange(State, first, last) != TextLanguage.Dead;
    }
}
