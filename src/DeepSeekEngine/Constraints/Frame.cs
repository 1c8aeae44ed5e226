namespace DeepSeekEngine.Constraints;

/// <summary>One frame on all the stacks that continue below it. Immutable.</summary>
internal sealed class Frame
{
    /// <summary>The mark of a frame that needs none.</summary>
    public const int NoMark = -1;

    private readonly int _hash;

    public Frame(State state, int mark, StackSet below)
    {
        State = state;
        Mark = mark;
        Below = below;
        _hash = HashCode.Combine(state, mark);
    }

    public State State { get; }

    /// <summary>
    /// Where in the text written so far something began that the state will ask for later. Beside the state, not in it, so that masks are
    /// shared by all places.
    /// </summary>
    public int Mark { get; }

    public StackSet Below { get; }

    public int Hash => HashCode.Combine(_hash, Below.Hash);

    /// <summary>Whether the two differ in what is below them at most.</summary>
    public bool HasTopOf(Frame other) => _hash == other._hash && Mark == other.Mark && State.Equals(other.State);

    public bool Matches(Frame other) => ReferenceEquals(this, other) || (HasTopOf(other) && Below.Matches(other.Below));
}
