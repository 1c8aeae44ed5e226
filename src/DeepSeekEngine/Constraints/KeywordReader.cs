using System.Numerics;
using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>Reads the keywords of one schema. A keyword that is not supported is an error, unless it is one that only describes.</summary>
internal sealed class KeywordReader(SchemaReader reader, Subschema schema)
{
    private static readonly Dictionary<string, JsonTypes> s_types = new()
    {
        ["null"] = JsonTypes.Null,
        ["boolean"] = JsonTypes.Boolean,
        ["string"] = JsonTypes.String,
        ["array"] = JsonTypes.Array,
        ["object"] = JsonTypes.Object,
        ["integer"] = JsonTypes.Integer,
        ["number"] = JsonTypes.Number,
    };

    public void Read(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.True:
                break;
            case JsonValueKind.False:
                schema.IsFalse = true;
                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    Read(property.Name, property.Value);
                }

                break;
            default:
                throw new UnsupportedSchemaException(schema.Location, "A schema is an object, true or false.");
        }
    }

    private void Read(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "title" or "description" or "default" or "examples" or "$comment" or "deprecated" or "readOnly" or "writeOnly" or "$schema"
                or "contentMediaType":
                break;
            case "$id":
                reader.Identify(schema, Text(keyword, value));
                break;
            case "$anchor":
                reader.Anchor(schema, Text(keyword, value));
                break;
            case "$defs" or "definitions":
                Named(keyword, value);
                break;
            case "$ref":
                reader.Refer(schema, Text(keyword, value));
                break;
            case "type":
                schema.Types = Types(value);
                break;
            case "enum":
                schema.AnyOfs.Add(Constants([.. Items(keyword, value)], keyword));
                break;
            case "const":
                schema.AnyOfs.Add(Constants([value], keyword));
                break;
            case "allOf":
                schema.AllOf = List(keyword, value);
                break;
            case "anyOf":
                schema.AnyOfs.Add(List(keyword, value));
                break;
            case "oneOf":
                schema.OneOf = List(keyword, value);
                schema.AnyOfs.Add(schema.OneOf);
                break;
            case "pattern" or "format" or "minLength" or "maxLength":
                ReadOfStrings(keyword, value);
                break;
            case "minimum" or "exclusiveMinimum" or "maximum" or "exclusiveMaximum" or "multipleOf":
                ReadOfNumbers(keyword, value);
                break;
            case "prefixItems" or "items" or "minItems" or "maxItems" or "uniqueItems":
                ReadOfArrays(keyword, value);
                break;
            default:
                ReadOfObjects(keyword, value);
                break;
        }
    }

    private void ReadOfStrings(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "pattern":
                schema.Pattern = Text(keyword, value);
                break;
            case "format":
                schema.Format = Text(keyword, value);
                break;
            case "minLength":
                schema.MinLength = Least(keyword, value);
                break;
            default:
                schema.MaxLength = Most(keyword, value);
                break;
        }
    }

    private void ReadOfNumbers(string keyword, JsonElement value)
    {
        var number = Number(keyword, value);
        switch (keyword)
        {
            case "minimum":
                schema.Minimum = number;
                break;
            case "exclusiveMinimum":
                schema.ExclusiveMinimum = number;
                break;
            case "maximum":
                schema.Maximum = number;
                break;
            case "exclusiveMaximum":
                schema.ExclusiveMaximum = number;
                break;
            default:
                schema.MultipleOf = number;
                break;
        }
    }

    private void ReadOfArrays(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "prefixItems":
                schema.PrefixItems = List(keyword, value);
                break;
            case "items":
                schema.Items = reader.Subschema(value, Location(keyword));
                break;
            case "minItems":
                schema.MinItems = Least(keyword, value);
                break;
            case "maxItems":
                schema.MaxItems = Most(keyword, value);
                break;
            default:
                if (value.ValueKind is not JsonValueKind.False)
                {
                    throw Error(keyword, "Only 'uniqueItems': false is supported.");
                }

                break;
        }
    }

    private void ReadOfObjects(string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "properties":
                schema.Properties = Named(keyword, value);
                break;
            case "patternProperties":
                schema.PatternProperties = Named(keyword, value);
                break;
            case "additionalProperties":
                schema.AdditionalProperties = reader.Subschema(value, Location(keyword));
                break;
            case "propertyNames":
                schema.PropertyNames = reader.Subschema(value, Location(keyword));
                break;
            case "required":
                schema.Required = [.. Items(keyword, value).Select(name => Text(keyword, name)).Distinct()];
                break;
            case "minProperties":
                schema.MinProperties = Least(keyword, value);
                break;
            case "maxProperties":
                schema.MaxProperties = Most(keyword, value);
                break;
            default:
                throw Error(keyword, $"The keyword '{keyword}' is not supported.");
        }
    }

    private JsonTypes Types(JsonElement value)
    {
        var names = value.ValueKind is JsonValueKind.Array ? Items("type", value).ToArray() : [value];
        return names.Aggregate(JsonTypes.None, (types, name) => types | Type(Text("type", name)));
    }

    private JsonTypes Type(string name)
        => s_types.TryGetValue(name, out var type)
            ? type
            : throw Error("type", $"'{name}' is no type; there are {string.Join(", ", s_types.Keys)}.");

    private List<Subschema> Constants(JsonElement[] values, string keyword)
    {
        var scalars = new List<JsonElement>();
        var schemas = new List<Subschema>();
        foreach (var value in values)
        {
            if (value.ValueKind is JsonValueKind.Array or JsonValueKind.Object)
            {
                schemas.Add(Constant(value, Location(keyword)));
            }
            else
            {
                scalars.Add(value);
            }
        }

        if (scalars.Count > 0)
        {
            schemas.Add(OfScalars(scalars, Location(keyword)));
        }

        return schemas;
    }

    /// <summary>The schema that only <paramref name="value"/> satisfies.</summary>
    private Subschema Constant(JsonElement value, string location)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                var array = reader.Derived(location);
                array.Types = JsonTypes.Array;
                array.PrefixItems = [.. value.EnumerateArray().Select(item => Constant(item, location))];
                array.MinItems = array.PrefixItems.Count;
                array.MaxItems = array.PrefixItems.Count;
                return array;
            case JsonValueKind.Object:
                var properties = value.EnumerateObject().ToDictionary(member => member.Name, member => Constant(member.Value, location));
                var constant = reader.Derived(location);
                constant.Types = JsonTypes.Object;
                constant.Properties = properties;
                constant.Required = [.. properties.Keys];
                constant.MaxProperties = properties.Count;
                return constant;
            default:
                return OfScalars([value], location);
        }
    }

    private Subschema OfScalars(IReadOnlyList<JsonElement> values, string location)
    {
        var scalars = reader.Derived(location);
        scalars.Scalars = values;
        scalars.Types = values.Aggregate(JsonTypes.None, (types, value) => types | TypeOf(value));
        return scalars;
    }

    private static JsonTypes TypeOf(JsonElement scalar) => scalar.ValueKind switch
    {
        JsonValueKind.Null => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.String when scalar.GetString() is not null => JsonTypes.String,
        _ => DecimalNumber.Parse(scalar.GetRawText()).Scale == 0 ? JsonTypes.Integer : JsonTypes.Fraction,
    };

    private static string Escape(string name)
        => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private Dictionary<string, Subschema> Named(string keyword, JsonElement value)
        => value.ValueKind is JsonValueKind.Object
            ? value.EnumerateObject().ToDictionary(
                member => member.Name,
                member => reader.Subschema(member.Value, $"{Location(keyword)}/{Escape(member.Name)}"))
            : throw Error(keyword, "It has to be an object of schemas.");

    private List<Subschema> List(string keyword, JsonElement value)
        => [.. Items(keyword, value).Select((item, index) => reader.Subschema(item, $"{Location(keyword)}/{index}"))];

    private IEnumerable<JsonElement> Items(string keyword, JsonElement value)
        => value.ValueKind is JsonValueKind.Array && (value.GetArrayLength() > 0 || keyword is "required" or "enum")
            ? value.EnumerateArray()
            : throw Error(keyword, "It has to be an array that is not empty.");

    private string Text(string keyword, JsonElement value)
        => value.ValueKind is JsonValueKind.String ? value.GetString()! : throw Error(keyword, "A string belongs here.");

    private DecimalNumber Number(string keyword, JsonElement value)
    {
        if (value.ValueKind is not JsonValueKind.Number)
        {
            throw Error(keyword, "It has to be a number.");
        }

        try
        {
            return DecimalNumber.Parse(value.GetRawText());
        }
        catch (UnsupportedSchemaException e)
        {
            throw Error(keyword, e.Message);
        }
    }

    private int Least(string keyword, JsonElement value)
        => Most(keyword, value) is var count and < int.MaxValue ? count : throw Error(keyword, $"It is larger than {int.MaxValue - 1}.");

    private int Most(string keyword, JsonElement value)
        => Number(keyword, value) is { Scale: 0, Sign: >= 0 } count
            ? (int)BigInteger.Min(count.Coefficient, int.MaxValue)
            : throw Error(keyword, "It has to be an integer that is not negative.");

    private string Location(string keyword) => $"{schema.Location}/{Escape(keyword)}";

    private UnsupportedSchemaException Error(string keyword, string problem) => new(Location(keyword), problem);
}
