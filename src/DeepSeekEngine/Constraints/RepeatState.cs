namespace DeepSeekEngine.Constraints;

/// <summary>One item after the other, of which <paramref name="Done"/> are done. No item is empty.</summary>
internal sealed record RepeatState(State Item, int Min, int? Max, int Done) : State
{
    public override bool MayPop => Done >= Min;

    public override void Step(int symbol, Stepper stepper)
    {
        if (Done + 1 == Max)
        {
            stepper.Descend(Item);
        }
        else if (Done != Max)
        {
            // Without a maximum only the minimum has to be counted to, and states that continue alike are equal.
            stepper.Descend(this with { Done = Max is null ? Math.Min(Done + 1, Min) : Done + 1 }, Item);
        }
    }

    public override void AddTokens(List<int> tokens)
    {
        if (Done != Max)
        {
            Item.AddTokens(tokens);
        }
    }
}
