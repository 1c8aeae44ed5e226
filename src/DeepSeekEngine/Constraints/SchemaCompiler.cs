using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// Makes the graph of nodes of a schema. A node stands for a set of schemas that are to be satisfied together, and there is one for each
/// set that is met, so that recursive schemas give finite graphs.
/// </summary>
internal sealed class SchemaCompiler
{
    private const int MaxNodes = 20_000;

    private readonly ScalarLanguages _languages = new();

    private readonly SchemaExpansion _expansion = new();

    private readonly Dictionary<string, ValueNode> _nodes = [];

    private readonly Queue<(ValueNode Node, Subschema[] Schemas)> _unfilled = [];

    private readonly ObjectShapeBuilder _objects;

    /// <summary>Pairs of alternatives of a oneOf, which no value may satisfy both of.</summary>
    private readonly Dictionary<ValueNode, (string Location, int First, int Second)> _exclusive = [];

    private int _derived;

    private SchemaCompiler() => _objects = new ObjectShapeBuilder(_languages, _expansion, NodeOf);

    /// <summary>Makes the graph.</summary>
    /// <returns>The node of the values that satisfy the schema.</returns>
    /// <exception cref="UnsupportedSchemaException">It is not supported, or no value satisfies it.</exception>
    public static ValueNode Compile(Subschema schema)
    {
        var compiler = new SchemaCompiler();
        var root = compiler.NodeOf([schema]);
        compiler.Fill();
        compiler.CheckExclusive();
        return root.MinDepth <= Grammar.MaxDepth
            ? root
            : throw new UnsupportedSchemaException(
                schema.Location, $"No value satisfies the schema, or only such as are nested more than {Grammar.MaxDepth} deep.");
    }

    private ValueNode NodeOf(IEnumerable<Subschema> schemas)
    {
        var set = schemas.DistinctBy(schema => schema.Id).OrderBy(schema => schema.Id).ToArray();
        if (set.Length == 0)
        {
            return ValueNode.Anything;
        }

        if (set.Any(schema => schema.IsFalse))
        {
            return ValueNode.Nothing;
        }

        var key = string.Join(' ', set.Select(schema => schema.Id));
        if (_nodes.TryGetValue(key, out var node))
        {
            return node;
        }

        if (_nodes.Count == MaxNodes)
        {
            throw new UnsupportedSchemaException(set[0].Location, $"The schema's parts combine in more than {MaxNodes} ways.");
        }

        node = new ValueNode();
        _nodes.Add(key, node);
        _unfilled.Enqueue((node, set));
        return node;
    }

    private void Fill()
    {
        while (_unfilled.TryDequeue(out var next))
        {
            next.Node.Shapes = [.. _expansion.Of(next.Schemas).Select(Shape)];
            while (_expansion.OneOfs.TryDequeue(out var schema))
            {
                AddExclusive(schema, schema.OneOf!);
            }
        }

        // What is still missing after that many rounds is nested too deeply.
        var changes = true;
        for (var depth = 0; changes && depth <= Grammar.MaxDepth + 1; depth++)
        {
            changes = false;
            foreach (var node in _nodes.Values)
            {
                changes |= node.UpdateDepth();
            }
        }
    }

    private void AddExclusive(Subschema schema, IReadOnlyList<Subschema> alternatives)
    {
        // What stands beside the oneOf may be what keeps its alternatives apart.
        var beside = schema.WithoutOneOf(--_derived);
        for (var second = 1; second < alternatives.Count; second++)
        {
            for (var first = 0; first < second; first++)
            {
                _exclusive.TryAdd(NodeOf([beside, alternatives[first], alternatives[second]]), ($"{schema.Location}/oneOf", first, second));
            }
        }
    }

    private void CheckExclusive()
    {
        foreach (var (node, (location, first, second)) in _exclusive)
        {
            if (node.MinDepth <= Grammar.MaxDepth)
            {
                throw new UnsupportedSchemaException(
                    location, $"Of 'oneOf', alternatives {first} and {second} have values in common; that is not supported. Is 'anyOf' meant?");
            }
        }
    }

    private ValueShape Shape(SchemaAlternative alternative)
    {
        var (parts, types) = alternative;
        return new ValueShape
        {
            Keywords = [.. Keywords(parts, types)],
            Strings = Has(JsonTypes.String) ? _languages.Strings(parts) : null,
            Numbers = Has(JsonTypes.Number) ? _languages.Numbers(parts, types) : null,
            Arrays = Has(JsonTypes.Array) ? Arrays(parts) : null,
            Objects = Has(JsonTypes.Object) ? _objects.Build(parts) : null,
        };

        bool Has(JsonTypes some) => (types & some) != 0;
    }

    private static IEnumerable<string> Keywords(Subschema[] parts, JsonTypes types)
    {
        foreach (var (keyword, kind, type) in new[]
        {
            ("null", JsonValueKind.Null, JsonTypes.Null),
            ("true", JsonValueKind.True, JsonTypes.Boolean),
            ("false", JsonValueKind.False, JsonTypes.Boolean),
        })
        {
            if ((types & type) != 0 && parts.All(part => part.Scalars?.Any(scalar => scalar.ValueKind == kind) ?? true))
            {
                yield return keyword;
            }
        }
    }

    private ArrayShape Arrays(Subschema[] parts)
    {
        var groups = parts.Where(part => part.ConstrainsItems).ToArray();
        var length = groups.Select(part => part.PrefixItems?.Count ?? 0).DefaultIfEmpty(0).Max();
        return new ArrayShape(
            [.. Enumerable.Range(0, length).Select(index => NodeOf(groups.SelectMany(part => Item(part, index))))],
            NodeOf(groups.SelectMany(part => Item(part, length))),
            parts.Select(part => part.MinItems).DefaultIfEmpty(0).Max(),
            parts.Min(part => part.MaxItems));
    }

    private static IEnumerable<Subschema> Item(Subschema part, int index)
        => part.PrefixItems is { } prefix && index < prefix.Count ? [prefix[index]]
            : part.Items is { } items ? [items]
            : [];
}
