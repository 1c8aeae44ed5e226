namespace DeepSeekEngine.Constraints;

/// <summary>One of several.</summary>
internal sealed record AnyOfState(State[] Alternatives) : State
{
    public override bool MayPop => Array.Exists(Alternatives, alternative => alternative.MayPop);

    public override void Step(int symbol, Stepper stepper)
    {
        foreach (var alternative in Alternatives)
        {
            stepper.Descend(alternative);
        }
    }

    public override void AddTokens(List<int> tokens)
    {
        foreach (var alternative in Alternatives)
        {
            alternative.AddTokens(tokens);
        }
    }
}
