namespace DeepSeekEngine.Kernels;

/// <summary>
/// The sizes of softmax attention to rows that hold keys and values, a part for each key-value head: query head h attends to those of
/// key-value head h / (H / G). Multi-head latent attention in either form and grouped-query attention are this.
/// </summary>
internal readonly record struct AttentionShape
{
    /// <summary>H, query heads: a multiple of <see cref="KeyValueHeads"/>.</summary>
    public required int Heads { get; init; }

    /// <summary>G, key-value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>The width of a key, which a key-value head's part of a row begins with.</summary>
    public required int Key { get; init; }

    /// <summary>The width of a further piece of the key that all heads share and that lies apart; 0 if there is none.</summary>
    public int SharedKey { get; init; }

    /// <summary>The width of a value.</summary>
    public required int Value { get; init; }

    /// <summary>Where a value begins in a key-value head's part of a row: behind the key, or 0 if it is the beginning of the key.</summary>
    public required int ValueOffset { get; init; }

    /// <summary>What products of queries and keys are multiplied with.</summary>
    public required float Scale { get; init; }

    /// <summary>H / G, query heads that attend to the same keys and values; of an impossible shape, which is printed too, any number.</summary>
    public int Group => Heads / Math.Max(1, KeyValueHeads);

    /// <summary>The width of a head's query.</summary>
    public int QueryHead => Key + SharedKey;

    /// <summary>The width of a key-value head's part of a row.</summary>
    public int RowHead => Math.Max(Key, ValueOffset + Value);

    /// <summary>The width of a row.</summary>
    public int Row => KeyValueHeads * RowHead;

    /// <param name="mayShareKeys">Whether the operation reads a piece of the keys that all heads share.</param>
    /// <exception cref="ArgumentException">Sizes do not fit each other, the operation or the types they are computed in.</exception>
    public void Check(bool mayShareKeys)
    {
        bool isPossible = Heads > 0 && KeyValueHeads > 0 && Heads % KeyValueHeads == 0 && Key > 0 && SharedKey >= 0 && Value > 0
            && (ValueOffset == 0 ? Value <= Key : ValueOffset >= Key)
            && (long)Heads * Math.Max((long)Key + SharedKey, (long)ValueOffset + Value) <= int.MaxValue;
        if (!isPossible || (SharedKey > 0 && !mayShareKeys))
        {
            throw new ArgumentException($"Impossible: {this}.", "shape");
        }
    }
}
