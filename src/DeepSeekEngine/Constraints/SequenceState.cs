namespace DeepSeekEngine.Constraints;

/// <summary>The rest of a sequence, from item <paramref name="At"/> on.</summary>
internal sealed record SequenceState(State[] Items, int At) : State
{
    public override bool MayPop
    {
        get
        {
            for (var i = At; i < Items.Length; i++)
            {
                if (!Items[i].MayPop)
                {
                    return false;
                }
            }

            return true;
        }
    }

    public override void Step(int symbol, Stepper stepper)
    {
        if (At + 1 == Items.Length)
        {
            stepper.Descend(Items[At]);
        }
        else if (At < Items.Length)
        {
            stepper.Descend(this with { At = At + 1 }, Items[At]);
        }
    }

    public override void AddTokens(List<int> tokens)
    {
        for (var i = At; i < Items.Length; i++)
        {
            Items[i].AddTokens(tokens);
            if (!Items[i].MayPop)
            {
                return;
            }
        }
    }
}
