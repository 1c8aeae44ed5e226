using System.Collections.Concurrent;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// The masks of states over one vocabulary, for all grammars: states of different grammars that continue alike share theirs. Bounded: what
/// was not used while half of the room was filled anew is forgotten. Safe for several threads.
/// </summary>
internal sealed class MaskCache(TokenVocabulary vocabulary)
{
    private const long MaxBytes = 64L << 20;

    private readonly Lock _lock = new();

    private ConcurrentDictionary<(NodeSet From, State State), StateMask> _young = new();

    private ConcurrentDictionary<(NodeSet From, State State), StateMask> _old = new();

    private long _youngBytes;

    /// <summary>What a state makes of the tokens, from some nodes of the trie on.</summary>
    public StateMask Get(NodeSet from, State state)
    {
        var key = (from, state);
        if (Volatile.Read(ref _young).TryGetValue(key, out var mask))
        {
            return mask;
        }

        if (!Volatile.Read(ref _old).TryGetValue(key, out mask))
        {
            mask = new MaskWalk(vocabulary).Walk(from, state, state.Wider is { } wider ? Get(from, wider) : null);
        }

        Keep(key, mask);
        return mask;
    }

    private void Keep((NodeSet From, State State) key, StateMask mask)
    {
        lock (_lock)
        {
            if (!_young.TryAdd(key, mask))
            {
                return;
            }

            _youngBytes += mask.Bytes;
            if (_youngBytes > MaxBytes / 2)
            {
                Volatile.Write(ref _old, _young);
                Volatile.Write(ref _young, new());
                _youngBytes = 0;
            }
        }
    }
}
