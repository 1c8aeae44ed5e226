namespace DeepSeekEngine.Constraints;

/// <summary>The rest of an object from the colon after a key on.</summary>
/// <param name="Members">Its members: those before, if the key is of a class; or else the key's, too.</param>
/// <param name="Node">Which values the member may have.</param>
/// <param name="Class">The class of the key, which begins at the frame's mark; <see cref="NoClass"/> if the key is a name of its own.</param>
internal sealed record ColonState(ObjectMembers Members, ValueNode Node, int Class) : State
{
    public const int NoClass = -1;

    public override void Step(int symbol, Stepper stepper)
    {
        if (symbol == ':')
        {
            var members = Class == NoClass ? Members : Members.WithMemberOfClass(Class, stepper.MarkedString());
            stepper.Become(
                new ObjectState(members, ObjectPhase.Member), WhitespaceState.LineAtDepth(Members.Depth), new ValueState(Node, Members.Depth),
                WhitespaceState.Space);
        }
    }
}
