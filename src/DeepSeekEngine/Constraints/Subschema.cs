using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>One schema of a document, or one that stands for a value of an enum: its keywords, read and checked one by one.</summary>
/// <param name="id">Its number; no other of the document has it.</param>
/// <param name="location">Where it is, as a JSON pointer in a URI fragment.</param>
internal sealed class Subschema(int id, string location)
{
    public int Id { get; private set; } = id;

    public string Location => location;

    /// <summary>Whether nothing satisfies it, which is what the schema false says.</summary>
    public bool IsFalse { get; set; }

    public JsonTypes Types { get; set; } = JsonTypes.All;

    /// <summary>The strings, numbers, booleans and null that are meant; null if all.</summary>
    public IReadOnlyList<JsonElement>? Scalars { get; set; }

    /// <summary>What $ref refers to, once it is resolved.</summary>
    public Subschema? Target { get; set; }

    public IReadOnlyList<Subschema> AllOf { get; set; } = [];

    /// <summary>Lists of schemas of each of which one is to be satisfied: those of anyOf, oneOf, enum and const.</summary>
    public List<IReadOnlyList<Subschema>> AnyOfs { get; private set; } = [];

    /// <summary>Those of <see cref="AnyOfs"/> that are of oneOf; null if there is none.</summary>
    public IReadOnlyList<Subschema>? OneOf { get; set; }

    public int? MinLength { get; set; }

    public int? MaxLength { get; set; }

    public string? Pattern { get; set; }

    public string? Format { get; set; }

    public DecimalNumber? Minimum { get; set; }

    public DecimalNumber? ExclusiveMinimum { get; set; }

    public DecimalNumber? Maximum { get; set; }

    public DecimalNumber? ExclusiveMaximum { get; set; }

    public DecimalNumber? MultipleOf { get; set; }

    public IReadOnlyDictionary<string, Subschema>? Properties { get; set; }

    public IReadOnlyDictionary<string, Subschema>? PatternProperties { get; set; }

    public Subschema? AdditionalProperties { get; set; }

    public Subschema? PropertyNames { get; set; }

    public IReadOnlyList<string> Required { get; set; } = [];

    public int MinProperties { get; set; }

    public int? MaxProperties { get; set; }

    public IReadOnlyList<Subschema>? PrefixItems { get; set; }

    public Subschema? Items { get; set; }

    public int MinItems { get; set; }

    public int? MaxItems { get; set; }

    /// <summary>Whether it says which values members or items may have.</summary>
    public bool ConstrainsMembers => Properties is not null || PatternProperties is not null || AdditionalProperties is not null;

    public bool ConstrainsItems => PrefixItems is not null || Items is not null;

    /// <summary>The same without its oneOf.</summary>
    public Subschema WithoutOneOf(int newId)
    {
        var other = (Subschema)MemberwiseClone();
        other.Id = newId;
        other.AnyOfs = [.. AnyOfs.Where(list => list != OneOf)];
        other.OneOf = null;
        return other;
    }
}
