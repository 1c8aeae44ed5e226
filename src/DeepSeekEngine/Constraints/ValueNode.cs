namespace DeepSeekEngine.Constraints;

/// <summary>
/// The JSON values that satisfy a set of schemas: those of any of several shapes. Nodes form a graph, which has cycles where schemas are
/// recursive, so a node is made empty and filled afterwards; it does not change once its grammar is made.
/// </summary>
internal sealed class ValueNode
{
    /// <summary>The depth of a node that no value satisfies, or only some that are nested too deeply.</summary>
    public const int Never = int.MaxValue;

    static ValueNode()
    {
        Anything.Shapes =
        [
            new ValueShape
            {
                Keywords = ["null", "true", "false"],
                Strings = TextLanguage.Any,
                Numbers = NumberLanguage.Numbers(null, minExclusive: false, null, maxExclusive: false),
                Arrays = new ArrayShape([], Anything, 0, null),
                Objects = new ObjectShape([], [new(TextLanguage.Any, Anything)], 0, null),
            },
        ];
        Anything.UpdateDepth();
    }

    /// <summary>Every value.</summary>
    public static ValueNode Anything { get; } = new();

    /// <summary>No value.</summary>
    public static ValueNode Nothing { get; } = new();

    public IReadOnlyList<ValueShape> Shapes { get; set; } = [];

    /// <summary>How many arrays and objects within each other the flattest values have; <see cref="Never"/> if there are none.</summary>
    public int MinDepth { get; private set; } = Never;

    /// <summary>Takes over what follows from the depths of other nodes so far; says whether that changed anything.</summary>
    public bool UpdateDepth()
    {
        foreach (var shape in Shapes)
        {
            shape.Arrays?.UpdateDepth();
            shape.Objects?.UpdateDepth();
        }

        var depth = Shapes.Select(shape => shape.MinDepth).DefaultIfEmpty(Never).Min();
        if (depth >= MinDepth)
        {
            return false;
        }

        MinDepth = depth;
        return true;
    }
}
