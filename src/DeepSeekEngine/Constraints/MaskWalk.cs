namespace DeepSeekEngine.Constraints;

/// <summary>
/// Computes what a state makes of the tokens by walking the trie with it. The sets of stacks that it becomes on the way are few, however
/// many tokens there are, so each is stepped by a byte once and all the rest is table look-ups.
/// </summary>
internal sealed class MaskWalk(TokenVocabulary vocabulary)
{
    private readonly Stepper _stepper = new(written: null);

    private readonly Dictionary<int, List<Place>> _places = [];

    private readonly SortedSet<int> _rest = [];

    private readonly List<int> _undecided = [];

    private readonly ulong[] _mask = new ulong[vocabulary.MaskLength];

    private Place[] _path = [];

    public StateMask Walk(NodeSet from, State state)
    {
        var start = PlaceOf(StackSet.Of(state, Frame.NoMark, StackSet.Finished), isUndecided: false);
        foreach (var node in from.Nodes)
        {
            if (state.MayPop)
            {
                _rest.Add(node);
            }

            WalkBelow(node, start);
        }

        if (from.HasRoot)
        {
            List<int> tokens = [];
            state.AddTokens(tokens);
            foreach (var token in tokens)
            {
                TokenMask.Add(_mask, token);
            }
        }

        return new StateMask(_mask, NodeSet.Of(_rest), [.. _undecided]);
    }

    private void WalkBelow(int top, Place start)
    {
        var nodes = vocabulary.Nodes;
        int depth = nodes[top].Depth;
        SetPlace(0, start);
        for (var i = top + 1; i < nodes[top].End;)
        {
            ref readonly var node = ref nodes[i];
            var parent = _path[node.Depth - depth - 1];
            var place = parent.Next[node.Byte] ??= Step(parent, node.Byte);
            if (place.IsDead)
            {
                i = node.End;
                continue;
            }

            vocabulary.AddTokens(i, _mask);
            if (node.End > i + 1)
            {
                if (place.Stacks.CanFinish)
                {
                    _rest.Add(i);
                }

                if (place.IsUndecided)
                {
                    AddUndecided(i);
                }

                SetPlace(node.Depth - depth, place);
            }

            i++;
        }
    }

    private void AddUndecided(int top)
    {
        var nodes = vocabulary.Nodes;
        var mask = new ulong[vocabulary.MaskLength];
        for (var i = top + 1; i < nodes[top].End; i++)
        {
            vocabulary.AddTokens(i, mask);
        }

        _undecided.AddRange(TokenMask.Tokens(mask));
    }

    private void SetPlace(int at, Place place)
    {
        if (at >= _path.Length)
        {
            Array.Resize(ref _path, at + 16);
        }

        _path[at] = place;
    }

    private Place Step(Place place, byte value)
    {
        var stacks = _stepper.Step(place.Stacks, value);
        return PlaceOf(stacks, _stepper.IsUndecided);
    }

    private Place PlaceOf(StackSet stacks, bool isUndecided)
    {
        if (!_places.TryGetValue(stacks.Hash, out var places))
        {
            _places.Add(stacks.Hash, places = []);
        }

        foreach (var place in places)
        {
            if (place.IsUndecided == isUndecided && place.Stacks.Matches(stacks))
            {
                return place;
            }
        }

        var added = new Place(stacks, isUndecided);
        places.Add(added);
        return added;
    }

    /// <summary>A set of stacks and where each byte leads, as far as is known.</summary>
    private sealed class Place(StackSet stacks, bool isUndecided)
    {
        public StackSet Stacks => stacks;

        /// <summary>Whether there are stacks beside these that only a matcher can tell.</summary>
        public bool IsUndecided => isUndecided;

        public bool IsDead => stacks.IsNone && !isUndecided;

        public Place?[] Next { get; } = new Place?[256];
    }
}
