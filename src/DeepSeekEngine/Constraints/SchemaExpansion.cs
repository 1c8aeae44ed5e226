namespace DeepSeekEngine.Constraints;

/// <summary>Multiplies out what may be combined by allOf, anyOf, oneOf, enum, const and $ref.</summary>
internal sealed class SchemaExpansion
{
    /// <summary>How many ways there may be to satisfy a schema; a matcher follows all of them at once.</summary>
    private const int MaxAlternatives = 512;

    /// <summary>How long a chain of schemas may be of which each refers to the next.</summary>
    private const int MaxChain = 256;

    private readonly Dictionary<int, IReadOnlyList<SchemaAlternative>> _known = [];

    private readonly HashSet<int> _open = [];

    /// <summary>The schemas met that have a oneOf, whose alternatives are taken here for those of an anyOf.</summary>
    public Queue<Subschema> OneOfs { get; } = [];

    /// <summary>The ways to satisfy all of several schemas; none if there is no value that does.</summary>
    public IReadOnlyList<SchemaAlternative> Of(IEnumerable<Subschema> schemas)
    {
        IReadOnlyList<SchemaAlternative> alternatives = [SchemaAlternative.Free];
        foreach (var schema in schemas)
        {
            alternatives = Product(alternatives, Of(schema), schema);
        }

        return alternatives;
    }

    private IReadOnlyList<SchemaAlternative> Of(Subschema schema)
    {
        if (_known.TryGetValue(schema.Id, out var known))
        {
            return known;
        }

        if (!_open.Add(schema.Id))
        {
            throw new UnsupportedSchemaException(schema.Location, "The schema refers to itself without an array or object between.");
        }

        if (_open.Count > MaxChain)
        {
            throw new UnsupportedSchemaException(schema.Location, $"More than {MaxChain} schemas refer to each other in a chain.");
        }

        if (schema.OneOf is not null)
        {
            OneOfs.Enqueue(schema);
        }

        IReadOnlyList<SchemaAlternative> alternatives = schema.IsFalse || schema.Types is JsonTypes.None
            ? []
            : [new SchemaAlternative([schema], schema.Types)];
        if (schema.Target is { } target)
        {
            alternatives = Product(alternatives, Of(target), schema);
        }

        foreach (var part in schema.AllOf)
        {
            alternatives = Product(alternatives, Of(part), schema);
        }

        foreach (var list in schema.AnyOfs)
        {
            alternatives = Product(alternatives, [.. list.SelectMany(Of)], schema);
        }

        _open.Remove(schema.Id);
        _known.Add(schema.Id, alternatives);
        return alternatives;
    }

    private static List<SchemaAlternative> Product(
        IReadOnlyList<SchemaAlternative> left, IReadOnlyList<SchemaAlternative> right, Subschema schema)
    {
        var product = new List<SchemaAlternative>();
        foreach (var one in left)
        {
            foreach (var other in right)
            {
                if (one.And(other) is { } both)
                {
                    product.Add(both);
                }
            }

            if (product.Count > MaxAlternatives)
            {
                throw new UnsupportedSchemaException(
                    schema.Location, $"There are more than {MaxAlternatives} combinations of what it may be by anyOf, oneOf and enum.");
            }
        }

        return product;
    }
}
