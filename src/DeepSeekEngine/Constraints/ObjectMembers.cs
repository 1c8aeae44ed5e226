namespace DeepSeekEngine.Constraints;

/// <summary>Which members an object has, and which it may still have. Immutable, compared by what it holds.</summary>
internal sealed class ObjectMembers : IEquatable<ObjectMembers>
{
    private readonly ulong[] _seen;

    private readonly int _count;

    private readonly int _requiredLeft;

    /// <summary>[class]: the names used of it, sorted.</summary>
    private readonly int[][][] _used;

    /// <summary>[class]: how many names were used beside them that are not known here.</summary>
    private readonly int[] _unknown;

    private readonly int _hash;

    private ObjectMembers(ObjectShape shape, int depth, ulong[] seen, int count, int requiredLeft, int[][][] used, int[] unknown)
    {
        Shape = shape;
        Depth = depth;
        _seen = seen;
        _count = count;
        _requiredLeft = requiredLeft;
        _used = used;
        _unknown = unknown;
        HashCode hash = default;
        hash.Add(shape);
        hash.Add(depth);
        hash.Add(count);
        foreach (var word in seen)
        {
            hash.Add(word);
        }

        foreach (var scalar in used.SelectMany(names => names).SelectMany(name => name))
        {
            hash.Add(scalar);
        }

        _hash = hash.ToHashCode();
    }

    public ObjectShape Shape { get; }

    /// <summary>How deeply the members may be nested.</summary>
    public int Depth { get; }

    public bool MayClose => _requiredLeft == 0 && _count >= Shape.Min;

    /// <summary>Whether there may be members beside those that are required.</summary>
    private bool MayAddOptional => !(_count + _requiredLeft >= Shape.Max);

    public static ObjectMembers None(ObjectShape shape, int depth)
    {
        var used = new int[shape.Classes.Length][][];
        Array.Fill(used, []);
        return new ObjectMembers(
            shape, depth, new ulong[(shape.Names.Length + 63) / 64], 0, shape.RequiredCount, used, new int[shape.Classes.Length]);
    }

    public bool MayAdd()
    {
        for (var name = 0; name < Shape.Names.Length; name++)
        {
            if (MayAddName(name))
            {
                return true;
            }
        }

        for (var other = 0; other < Shape.Classes.Length; other++)
        {
            if (MayAddOfClass(other))
            {
                return true;
            }
        }

        return false;
    }

    public bool MayAddName(int name)
        => (_seen[name / 64] & (1UL << (name % 64))) == 0
            && Shape.Names[name].Node.MinDepth <= Depth
            && (Shape.Names[name].IsRequired || MayAddOptional);

    public bool MayAddOfClass(int other)
    {
        var (names, node) = Shape.Classes[other];
        var used = _used[other].Length + _unknown[other];
        return MayAddOptional && node.MinDepth <= Depth && names.CountFrom(names.Start, used + 1L) > used;
    }

    /// <summary>Whether names were used of a class that are not known here.</summary>
    public bool HasUnknown(int other) => _unknown[other] > 0;

    /// <summary>Where a name of a class starts.</summary>
    public TextPosition StartOfClass(int other)
    {
        var names = Shape.Classes[other].Names;
        return _used[other].Length == 0
            ? LanguagePosition.StartOf(names)
            : new UnusedPosition(names, names.Start, WordRange.Of(_used[other]));
    }

    public ObjectMembers WithName(int name)
    {
        ulong[] seen = [.. _seen];
        seen[name / 64] |= 1UL << (name % 64);
        return new ObjectMembers(
            Shape, Depth, seen, _count + 1, _requiredLeft - (Shape.Names[name].IsRequired ? 1 : 0), _used, _unknown);
    }

    /// <summary>The members with one of a class.</summary>
    /// <param name="other">The class.</param>
    /// <param name="name">Its name; null if it is not known here.</param>
    public ObjectMembers WithMemberOfClass(int other, string? name)
    {
        var (used, unknown) = (_used, _unknown);
        if (name is null)
        {
            unknown = [.. unknown];
            unknown[other]++;
        }
        else
        {
            int[][] names = [.. used[other], WordRange.Scalars(name)];
            Array.Sort(names, WordRange.Compare);
            used = [.. used];
            used[other] = names;
        }

        return new ObjectMembers(Shape, Depth, _seen, _count + 1, _requiredLeft, used, unknown);
    }

    public bool Equals(ObjectMembers? other)
        => ReferenceEquals(this, other)
            || (other is not null && _hash == other._hash && Shape == other.Shape && Depth == other.Depth && _count == other._count
                && _seen.AsSpan().SequenceEqual(other._seen) && _unknown.AsSpan().SequenceEqual(other._unknown) && UsesAsMuchAs(other));

    public override bool Equals(object? obj) => Equals(obj as ObjectMembers);

    public override int GetHashCode() => _hash;

    private bool UsesAsMuchAs(ObjectMembers other)
    {
        for (var i = 0; i < _used.Length; i++)
        {
            var (names, otherNames) = (_used[i], other._used[i]);
            if (names != otherNames
                && (names.Length != otherNames.Length
                    || !names.Zip(otherNames).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second))))
            {
                return false;
            }
        }

        return true;
    }
}
