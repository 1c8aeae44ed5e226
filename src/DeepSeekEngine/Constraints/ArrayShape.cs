namespace DeepSeekEngine.Constraints;

/// <summary>JSON arrays.</summary>
internal sealed class ArrayShape(IReadOnlyList<ValueNode> prefix, ValueNode rest, int min, int? max)
{
    /// <summary>The fewest items.</summary>
    public int Min => min;

    /// <summary>The node of an item.</summary>
    public ValueNode Item(int index) => index < prefix.Count ? prefix[index] : rest;

    /// <summary>How many items there may be if each is nested at most so deeply; null if any number.</summary>
    public int? MaxOfDepth(int depth)
    {
        for (var i = 0; i < prefix.Count && i != max; i++)
        {
            if (prefix[i].MinDepth > depth)
            {
                return i;
            }
        }

        return rest.MinDepth > depth ? Math.Min(prefix.Count, max ?? int.MaxValue) : max;
    }

    /// <summary>How many of <paramref name="count"/> items have to be told from more: beyond it all continue alike.</summary>
    public int Counted(int count) => max is null ? Math.Min(count, Math.Max(min, prefix.Count)) : count;

    /// <summary>How many arrays and objects within each other the flattest of the arrays have, as far as is known.</summary>
    public int MinDepth { get; private set; } = ValueNode.Never;

    /// <summary>Takes over what follows from the depths of the items' nodes so far.</summary>
    public void UpdateDepth()
    {
        if (max < min)
        {
            return;
        }

        var items = min > prefix.Count ? rest.MinDepth : 0;
        for (var i = 0; i < min && i < prefix.Count; i++)
        {
            items = Math.Max(items, prefix[i].MinDepth);
        }

        MinDepth = items == ValueNode.Never ? ValueNode.Never : items + 1;
    }
}
