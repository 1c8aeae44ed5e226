namespace DeepSeekEngine.Constraints;

/// <summary>How far a text has come whose characters are constrained. Immutable; some text completes every position.</summary>
internal abstract record TextPosition
{
    /// <summary>Whether the text may end here.</summary>
    public abstract bool MayEnd { get; }

    /// <summary>Whether the text may go on.</summary>
    public abstract bool MayContinue { get; }

    /// <summary>Where the text is after another character; null where it may not go on with that one.</summary>
    /// <param name="scalar">A Unicode scalar value.</param>
    public abstract TextPosition? Next(int scalar);

    /// <summary>Whether the text may go on with one of the scalar values from <paramref name="first"/> to <paramref name="last"/>.</summary>
    /// <param name="first">The first of at least one, none of them a surrogate.</param>
    /// <param name="last">The last.</param>
    /// <param name="common">Where all of them lead, if that is known to be the same position.</param>
    public abstract bool MayContinueIn(int first, int last, out TextPosition? common);

    /// <summary>What becomes of the frame after a text that may end here.</summary>
    public virtual void Close(Stepper stepper) => stepper.Pop();
}
