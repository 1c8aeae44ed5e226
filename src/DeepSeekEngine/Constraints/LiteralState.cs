namespace DeepSeekEngine.Constraints;

/// <summary>The rest of fixed bytes, at least one.</summary>
internal sealed record LiteralState(byte[] Bytes, int At) : State
{
    public override void Step(int symbol, Stepper stepper)
    {
        if (symbol != Bytes[At])
        {
            return;
        }

        if (At + 1 == Bytes.Length)
        {
            stepper.Pop();
        }
        else
        {
            stepper.Become(this with { At = At + 1 });
        }
    }
}
