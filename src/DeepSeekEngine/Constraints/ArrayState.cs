namespace DeepSeekEngine.Constraints;

/// <summary>The rest of an array: before its first item, or after an item.</summary>
/// <param name="Shape">What it looks like.</param>
/// <param name="Depth">How deeply its items may be nested.</param>
/// <param name="Count">How many items it has, as far as that matters.</param>
/// <param name="IsStart">Whether it is before its first item.</param>
internal sealed record ArrayState(ArrayShape Shape, int Depth, int Count, bool IsStart) : State
{
    private bool MayAdd => !(Count >= Shape.MaxOfDepth(Depth));

    public override void Step(int symbol, Stepper stepper)
    {
        if (symbol == ']')
        {
            if (Count >= Shape.Min)
            {
                stepper.Pop();
            }
        }
        else if (IsStart)
        {
            if (MayAdd)
            {
                stepper.Descend(AfterNext(), WhitespaceState.LineAtDepth(Depth), Next());
            }
        }
        else if (symbol == ',' && MayAdd)
        {
            stepper.Become(AfterNext(), WhitespaceState.LineAtDepth(Depth), Next(), WhitespaceState.LineAtDepth(Depth));
        }
    }

    private ArrayState AfterNext() => this with { Count = Shape.Counted(Count + 1), IsStart = false };

    private ValueState Next() => new(Shape.Item(Count), Depth);
}
