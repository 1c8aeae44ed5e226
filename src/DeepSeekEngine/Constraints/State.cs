namespace DeepSeekEngine.Constraints;

/// <summary>
/// What one frame of a matcher's stack has still to match. Immutable, and equal to every other state that continues alike, because masks
/// are kept by state. A state is only ever made where some text can complete it: that is what keeps a matcher from dead ends.
/// </summary>
internal abstract record State
{
    /// <summary>Whether the frame may be left without anything more.</summary>
    public virtual bool MayPop => false;

    /// <summary>
    /// Another state that allows all that this one does and not much more, so that this one's mask is soon found from its; null if none is
    /// known.
    /// </summary>
    public virtual State? Wider => null;

    /// <summary>Tells <paramref name="stepper"/> every way to go on with one symbol; none where the symbol does not fit.</summary>
    /// <param name="symbol">A byte, or a added token (<see cref="Symbol"/>).</param>
    /// <param name="stepper">Where to.</param>
    public abstract void Step(int symbol, Stepper stepper);

    /// <summary>Adds the added tokens that may come next, those after frames that may be left excepted.</summary>
    public virtual void AddTokens(List<int> tokens)
    {
    }
}
