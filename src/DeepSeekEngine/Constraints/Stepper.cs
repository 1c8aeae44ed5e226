using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// Steps sets of stacks by one symbol. States say what becomes of their frame: it is replaced, left, or refined and tried again. Not
/// thread-safe.
/// </summary>
internal sealed class Stepper
{
    private readonly List<Frame> _frames = [];

    private readonly List<byte>? _written;

    private Frame _current = null!;

    private int _symbol;

    private bool _hasEmpty;

    /// <summary>Creates one.</summary>
    /// <param name="written">The bytes of the text, the one that is stepped by included; null where only a state is known, not what led
    /// to it.</param>
    public Stepper(List<byte>? written) => _written = written;

    /// <summary>Whether in the last step a state had to know text that only a matcher knows.</summary>
    public bool IsUndecided { get; private set; }

    public StackSet Step(StackSet stacks, int symbol)
    {
        _frames.Clear();
        _symbol = symbol;
        _hasEmpty = false;
        IsUndecided = false;
        StepAll(stacks);
        if (_frames.Count == 0)
        {
            return _hasEmpty ? StackSet.Finished : StackSet.None;
        }

        var isSame = _hasEmpty == stacks.HasEmpty && _frames.Count == stacks.Frames.Length;
        for (var i = 0; isSame && i < _frames.Count; i++)
        {
            isSame = ReferenceEquals(_frames[i], stacks.Frames[i]);
        }

        return isSame ? stacks : new StackSet([.. _frames], _hasEmpty);
    }

    /// <summary>The symbol fits and is the frame's last.</summary>
    public void Pop()
    {
        _hasEmpty |= _current.Below.HasEmpty;
        foreach (var frame in _current.Below.Frames)
        {
            StackSet.AddTo(_frames, frame);
        }
    }

    /// <summary>The symbol fits and other states take the frame's place.</summary>
    /// <param name="state">The lowest of them.</param>
    /// <param name="above">Those on top of it, from the bottom to the top.</param>
    public void Become(State state, params ReadOnlySpan<State> above)
        => StackSet.AddTo(_frames, above.IsEmpty && ReferenceEquals(state, _current.State) ? _current : Build(state, Frame.NoMark, above));

    /// <summary><see cref="Become"/>, with the place after the symbol remembered in the lowest frame.</summary>
    public void BecomeMarked(State state, params ReadOnlySpan<State> above)
        => StackSet.AddTo(_frames, Build(state, _written?.Count ?? Frame.NoMark, above));

    /// <summary>Other states take the frame's place before the symbol, which the topmost then steps by.</summary>
    public void Descend(State state, params ReadOnlySpan<State> above) => StepFrame(Build(state, Frame.NoMark, above));

    /// <summary>What the symbol leads to depends on text that is not known here.</summary>
    public void LeaveUndecided() => IsUndecided = true;

    /// <summary>The string whose characters begin at the current frame's mark; null where the text is not known.</summary>
    public string? MarkedString()
    {
        if (_written is null || _current.Mark == Frame.NoMark)
        {
            return null;
        }

        var quoted = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_written)[(_current.Mark - 1)..];
        var reader = new Utf8JsonReader(quoted, isFinalBlock: false, state: default);
        reader.Read();
        return reader.GetString();
    }

    private Frame Build(State state, int mark, ReadOnlySpan<State> above)
    {
        var frame = new Frame(state, mark, _current.Below);
        foreach (var next in above)
        {
            frame = new Frame(next, Frame.NoMark, new StackSet([frame], hasEmpty: false));
        }

        return frame;
    }

    private void StepAll(StackSet stacks)
    {
        foreach (var frame in stacks.Frames)
        {
            StepFrame(frame);
        }
    }

    private void StepFrame(Frame frame)
    {
        var outer = _current;
        _current = frame;
        frame.State.Step(_symbol, this);
        if (frame.State.MayPop)
        {
            StepAll(frame.Below);
        }

        _current = outer;
    }
}
