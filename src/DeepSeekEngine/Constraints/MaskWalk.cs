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

    /// <summary>[depth]: what the state has become on the way to a node.</summary>
    private Place[] _path = [];

    /// <summary>[depth]: what the wider state has become.</summary>
    private Place?[] _widerPath = [];

    /// <summary>What <paramref name="state"/> makes of the tokens, from some nodes on.</summary>
    /// <param name="from">The nodes.</param>
    /// <param name="state">The state.</param>
    /// <param name="wider">What <see cref="State.Wider"/> makes of them; null if there is none.</param>
    public StateMask Walk(NodeSet from, State state, StateMask? wider)
    {
        var start = StartOf(state);
        var widerStart = state.Wider is { } other ? StartOf(other) : null;
        if (wider is not null)
        {
            wider.AddTo(_mask);
            _rest.UnionWith(wider.Rest.Nodes.ToArray());
        }

        foreach (var node in from.Nodes)
        {
            if (state.MayPop)
            {
                _rest.Add(node);
            }

            WalkBelow(node, start, widerStart);
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

    private void WalkBelow(int top, Place start, Place? wider)
    {
        var nodes = vocabulary.Nodes;
        int depth = nodes[top].Depth;
        SetPlaces(0, start, wider);
        for (var i = top + 1; i < nodes[top].End;)
        {
            ref readonly var node = ref nodes[i];
            var place = Next(_path[node.Depth - depth - 1], node.Byte);
            var widerPlace = _widerPath[node.Depth - depth - 1] is { } parent ? Next(parent, node.Byte) : null;
            if (place == widerPlace || place.IsDead)
            {
                // From where the two are the same, the wider state's mask is right already.
                if (place != widerPlace && widerPlace is not null)
                {
                    Remove(i, node.End);
                }

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
                else if (widerPlace is not null)
                {
                    _rest.Remove(i);
                }

                if (place.IsUndecided)
                {
                    AddUndecided(i);
                }

                SetPlaces(node.Depth - depth, place, widerPlace);
            }

            i++;
        }
    }

    private void Remove(int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            vocabulary.RemoveTokens(i, _mask);
        }

        _rest.GetViewBetween(first, end - 1).Clear();
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

    private void SetPlaces(int at, Place place, Place? wider)
    {
        if (at >= _path.Length)
        {
            Array.Resize(ref _path, at + 16);
            Array.Resize(ref _widerPath, at + 16);
        }

        _path[at] = place;
        _widerPath[at] = wider;
    }

    private Place StartOf(State state) => PlaceOf(StackSet.Of(state, Frame.NoMark, StackSet.Finished), isUndecided: false);

    private Place Next(Place place, byte value) => place.Next[value] ??= Step(place, value);

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
