namespace DeepSeekEngine.Constraints;

/// <summary>JSON objects.</summary>
/// <param name="names">The members that have a name of their own, sorted by it as <see cref="WordRange"/> sorts.</param>
/// <param name="classes">The other members there may be, by languages of their names; no name is in two or among those above.</param>
/// <param name="min">The fewest members.</param>
/// <param name="max">The most; null for no limit.</param>
internal sealed class ObjectShape(ObjectShape.Name[] names, ObjectShape.Class[] classes, int min, int? max)
{
    public Name[] Names => names;

    public Class[] Classes => classes;

    public int Min => min;

    public int? Max => max;

    /// <summary>The names, to find them by their beginnings.</summary>
    public WordRange Words { get; } = WordRange.Of([.. names.Select(name => name.Scalars)]);

    public int RequiredCount { get; } = names.Count(name => name.IsRequired);

    /// <summary>How many arrays and objects within each other the flattest of the objects have, as far as is known.</summary>
    public int MinDepth { get; private set; } = ValueNode.Never;

    /// <summary>Takes over what follows from the depths of the members' nodes so far.</summary>
    public void UpdateDepth()
    {
        if (max < Math.Max(min, RequiredCount))
        {
            return;
        }

        var depth = names.Where(name => name.IsRequired).Select(name => name.Node.MinDepth).DefaultIfEmpty(0).Max();
        long missing = min - RequiredCount;
        foreach (var (memberDepth, count) in OptionalMembers().OrderBy(member => member.Depth))
        {
            if (missing <= 0)
            {
                break;
            }

            missing -= count;
            depth = Math.Max(depth, memberDepth);
        }

        MinDepth = missing > 0 || depth == ValueNode.Never ? ValueNode.Never : depth + 1;
    }

    private IEnumerable<(int Depth, long Count)> OptionalMembers()
        => names.Where(name => !name.IsRequired).Select(name => (name.Node.MinDepth, 1L))
            .Concat(classes.Select(other => (other.Node.MinDepth, other.Names.CountFrom(other.Names.Start, min))));

    /// <summary>A member with a name of its own.</summary>
    internal sealed record Name(int[] Scalars, ValueNode Node, bool IsRequired);

    /// <summary>Members whose names are of a language, which is not empty.</summary>
    internal sealed record Class(TextLanguage Names, ValueNode Node);
}
