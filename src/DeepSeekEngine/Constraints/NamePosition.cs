namespace DeepSeekEngine.Constraints;

/// <summary>A position in the key of a member whose name the schema gives.</summary>
/// <param name="Members">The object so far.</param>
/// <param name="Names">Those of the shape's names that begin so, whether they may be added or not.</param>
internal sealed record NamePosition(ObjectMembers Members, WordRange Names) : TextPosition
{
    public override bool MayEnd => Names.Whole is >= 0 and var name && Members.MayAddName(name);

    public override bool MayContinue => MayAddAny(Names.FirstLonger, Names.End);

    public override NamePosition? Next(int scalar)
    {
        var names = Names.Narrow(scalar);
        return MayAddAny(names.First, names.End) ? this with { Names = names } : null;
    }

    public override bool MayContinueIn(int first, int last, out TextPosition? common)
    {
        common = null;
        var from = Names.FirstFrom(Names.FirstLonger, first);
        return MayAddAny(from, Names.FirstFrom(from, last + 1));
    }

    public override void Close(Stepper stepper)
        => stepper.Become(
            new ColonState(Members.WithName(Names.Whole), Members.Shape.Names[Names.Whole].Node, ColonState.NoClass), WhitespaceState.Space);

    private bool MayAddAny(int first, int end)
    {
        for (var name = first; name < end; name++)
        {
            if (Members.MayAddName(name))
            {
                return true;
            }
        }

        return false;
    }
}
