namespace DeepSeekEngine.Constraints;

/// <summary>The rest of an object, between two members.</summary>
internal sealed record ObjectState(ObjectMembers Members, ObjectPhase Phase) : State
{
    /// <summary>An object after its opening brace.</summary>
    /// <param name="shape">What it looks like.</param>
    /// <param name="depth">How deeply its members may be nested.</param>
    public static ObjectState Start(ObjectShape shape, int depth) => new(ObjectMembers.None(shape, depth), ObjectPhase.Start);

    public override void Step(int symbol, Stepper stepper)
    {
        switch (symbol)
        {
            case '}' when Phase is not ObjectPhase.Comma && Members.MayClose:
                stepper.Pop();
                break;
            case ',' when Phase is ObjectPhase.Member && Members.MayAdd():
                stepper.Become(this with { Phase = ObjectPhase.Comma }, WhitespaceState.LineAtDepth(Members.Depth));
                break;
            case '"' when Phase is not ObjectPhase.Member:
                BeginKey(stepper);
                break;
        }
    }

    private void BeginKey(Stepper stepper)
    {
        var name = new NamePosition(Members, Members.Shape.Words);
        if (name.MayEnd || name.MayContinue)
        {
            stepper.Become(TextState.Quoted(name));
        }

        for (var other = 0; other < Members.Shape.Classes.Length; other++)
        {
            if (!Members.MayAddOfClass(other))
            {
                continue;
            }

            if (Members.HasUnknown(other))
            {
                stepper.LeaveUndecided();
            }
            else
            {
                stepper.BecomeMarked(
                    new ColonState(Members, Members.Shape.Classes[other].Node, other), WhitespaceState.Space, TextState.Quoted(Members.StartOfClass(other)));
            }
        }
    }
}
