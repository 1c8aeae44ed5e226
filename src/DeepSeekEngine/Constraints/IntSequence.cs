namespace DeepSeekEngine.Constraints;

/// <summary>Numbers in an order, equal to others by what they are, so that they can be looked up.</summary>
internal readonly struct IntSequence(int[] items) : IEquatable<IntSequence>
{
    private readonly int _hash = HashOf(items);

    public ReadOnlySpan<int> Items => items;

    public bool Equals(IntSequence other) => _hash == other._hash && Items.SequenceEqual(other.Items);

    public override bool Equals(object? obj) => obj is IntSequence other && Equals(other);

    public override int GetHashCode() => _hash;

    private static int HashOf(int[] items)
    {
        HashCode hash = default;
        foreach (int item in items)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }
}
