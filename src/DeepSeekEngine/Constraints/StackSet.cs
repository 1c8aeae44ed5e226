namespace DeepSeekEngine.Constraints;

/// <summary>
/// All the ways in which what was matched so far may be understood: a set of stacks. Stacks with equal tops share the frame and whatever
/// is below is a set again, so that ambiguity that lasts over many levels takes a frame a level, not a stack for each combination.
/// Immutable.
/// </summary>
internal sealed class StackSet
{
    /// <summary>One empty stack: all was matched.</summary>
    public static readonly StackSet Finished = new([], hasEmpty: true);

    public static readonly StackSet None = new([], hasEmpty: false);

    public StackSet(Frame[] frames, bool hasEmpty)
    {
        Frames = frames;
        HasEmpty = hasEmpty;
        CanFinish = hasEmpty;
        HashCode hash = default;
        hash.Add(hasEmpty);
        foreach (var frame in frames)
        {
            hash.Add(frame.Hash);
            CanFinish |= frame.State.MayPop && frame.Below.CanFinish;
        }

        Hash = hash.ToHashCode();
    }

    /// <summary>The tops of the stacks, no two of them with equal state and mark.</summary>
    public Frame[] Frames { get; }

    /// <summary>Whether one of the stacks is empty.</summary>
    public bool HasEmpty { get; }

    /// <summary>Whether on one of the stacks all frames may be left.</summary>
    public bool CanFinish { get; }

    public bool IsNone => Frames.Length == 0 && !HasEmpty;

    public int Hash { get; }

    public static StackSet Of(State state, int mark, StackSet below) => new([new Frame(state, mark, below)], hasEmpty: false);

    public bool Matches(StackSet other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (Hash != other.Hash || HasEmpty != other.HasEmpty || Frames.Length != other.Frames.Length)
        {
            return false;
        }

        for (var i = 0; i < Frames.Length; i++)
        {
            if (!Frames[i].Matches(other.Frames[i]))
            {
                return false;
            }
        }

        return true;
    }

    public StackSet Union(StackSet other)
    {
        if (Matches(other))
        {
            return this;
        }

        var frames = new List<Frame>(Frames);
        foreach (var frame in other.Frames)
        {
            AddTo(frames, frame);
        }

        return new StackSet([.. frames], HasEmpty || other.HasEmpty);
    }

    /// <summary>Adds a stack's top to the tops of a set to be.</summary>
    public static void AddTo(List<Frame> frames, Frame frame)
    {
        for (var i = 0; i < frames.Count; i++)
        {
            if (frames[i].HasTopOf(frame))
            {
                var below = frames[i].Below.Union(frame.Below);
                if (!ReferenceEquals(below, frames[i].Below))
                {
                    frames[i] = new Frame(frame.State, frame.Mark, below);
                }

                return;
            }
        }

        frames.Add(frame);
    }
}
