namespace DeepSeekEngine.Constraints;

/// <summary>One added token.</summary>
internal sealed record TokenState(int Token) : State
{
    public override void Step(int symbol, Stepper stepper)
    {
        if (symbol == Symbol.OfToken(Token))
        {
            stepper.Pop();
        }
    }

    public override void AddTokens(List<int> tokens) => tokens.Add(Token);
}
