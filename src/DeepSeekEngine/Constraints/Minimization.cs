namespace DeepSeekEngine.Constraints;

/// <summary>
/// Finds the states of an automaton that accept the same texts. States start in two blocks, those that accept and those that do not, and a
/// block is divided by where its states go. Of the parts the largest keeps the block's number, so that a state changes its block at most
/// log n times and all takes O(m log n) for n states of m runs; only states that go to one that changed its block are looked at again.
/// </summary>
internal sealed class Minimization
{
    private readonly Automaton _automaton;

    private readonly List<int>[] _predecessors;

    /// <summary>The states, those of a block next to each other, of these those to be looked at again last.</summary>
    private readonly int[] _order;

    /// <summary>Where each state is in the order.</summary>
    private readonly int[] _positions;

    private readonly int[] _blocks;

    private readonly List<Segment> _segments = [];

    /// <summary>Blocks with states to be looked at again.</summary>
    private readonly Stack<int> _pending = [];

    private readonly List<int> _signature = [];

    private Minimization(Automaton automaton)
    {
        _automaton = automaton;
        _predecessors = automaton.Predecessors();
        _order = [.. Enumerable.Range(0, automaton.Count).OrderBy(automaton.Accepts)];
        _positions = new int[automaton.Count];
        _blocks = new int[automaton.Count];
        for (int position = 0; position < _order.Length; position++)
        {
            _positions[_order[position]] = position;
        }

        int rejecting = _order.Count(state => !automaton.Accepts(state));
        AddBlock(0, rejecting);
        AddBlock(rejecting, _order.Length);
        for (int state = 0; state < _order.Length; state++)
        {
            Mark(state);
        }
    }

    /// <summary>The automaton of fewest states that accepts the same texts.</summary>
    public static Automaton Minimize(Automaton automaton)
    {
        Minimization minimization = new(automaton);
        while (minimization._pending.TryPop(out int block))
        {
            minimization.Divide(block);
        }

        return automaton.Quotient(minimization._blocks);
    }

    private void Divide(int block)
    {
        Segment segment = _segments[block];
        int[] marked = _order[segment.Marked..segment.End];
        int unmarked = segment.Marked - segment.Start;
        _segments[block] = segment with { Marked = segment.End };

        Dictionary<IntSequence, List<int>> parts = [];
        IntSequence? unmarkedPart = null;
        if (unmarked > 0)
        {
            // All that are not marked go to the same blocks as before, and so to the same as each other.
            unmarkedPart = Signature(_order[segment.Start]);
            parts.Add(unmarkedPart.Value, []);
        }

        foreach (int state in marked)
        {
            IntSequence signature = Signature(state);
            if (!parts.TryGetValue(signature, out List<int>? part))
            {
                parts.Add(signature, part = []);
            }

            part.Add(state);
        }

        if (parts.Count == 1)
        {
            return;
        }

        List<(int Start, int End)> pieces = Arrange(segment, parts, unmarkedPart);
        int largest = pieces.Index().MaxBy(piece => piece.Item.End - piece.Item.Start).Index;
        _segments[block] = new Segment(pieces[largest].Start, pieces[largest].End, pieces[largest].End);
        pieces.RemoveAt(largest);
        int firstNew = _segments.Count;
        foreach ((int start, int end) in pieces)
        {
            AddBlock(start, end);
        }

        for (int added = firstNew; added < firstNew + pieces.Count; added++)
        {
            // Marking reorders states, of this block too.
            Segment moved = _segments[added];
            foreach (int state in _order[moved.Start..moved.End])
            {
                foreach (int predecessor in _predecessors[state])
                {
                    Mark(predecessor);
                }
            }
        }
    }

    /// <summary>Puts the states of each part next to each other, those that were not marked where they are.</summary>
    private List<(int Start, int End)> Arrange(Segment segment, Dictionary<IntSequence, List<int>> parts, IntSequence? unmarkedPart)
    {
        List<(int Start, int End)> pieces = [];
        int position = segment.Marked;
        foreach ((IntSequence signature, List<int> part) in parts)
        {
            int start = unmarkedPart is IntSequence unmarked && unmarked.Equals(signature) ? segment.Start : position;
            foreach (int state in part)
            {
                Place(state, position++);
            }

            pieces.Add((start, position));
        }

        return pieces;
    }

    private void AddBlock(int start, int end)
    {
        if (start == end)
        {
            return;
        }

        foreach (int state in _order.AsSpan(start, end - start))
        {
            _blocks[state] = _segments.Count;
        }

        _segments.Add(new Segment(start, end, end));
    }

    private void Mark(int state)
    {
        int block = _blocks[state];
        Segment segment = _segments[block];
        if (_positions[state] >= segment.Marked)
        {
            return;
        }

        if (segment.Marked == segment.End)
        {
            _pending.Push(block);
        }

        int position = _positions[state];
        Place(_order[segment.Marked - 1], position);
        Place(state, segment.Marked - 1);
        _segments[block] = segment with { Marked = segment.Marked - 1 };
    }

    private void Place(int state, int position)
    {
        _order[position] = state;
        _positions[state] = position;
    }

    /// <summary>The blocks a state goes to, and from which symbol on.</summary>
    private IntSequence Signature(int state)
    {
        _signature.Clear();
        foreach (Run run in _automaton.Row(state))
        {
            int block = run.Target == TextLanguage.Dead ? TextLanguage.Dead : _blocks[run.Target];
            if (_signature.Count == 0 || _signature[^1] != block)
            {
                _signature.Add(run.Symbol);
                _signature.Add(block);
            }
        }

        return new IntSequence([.. _signature]);
    }

    /// <summary>Where a block is in the order, and where those of its states begin that are to be looked at again.</summary>
    private readonly record struct Segment(int Start, int End, int Marked);
}
