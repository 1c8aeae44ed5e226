namespace DeepSeekEngine.Constraints;

/// <summary>One way to satisfy schemas: to satisfy, of each of these, all but its allOf, anyOf, oneOf, enum, const and $ref.</summary>
/// <param name="Parts">The schemas, by number.</param>
/// <param name="Types">The types that all of them allow.</param>
internal sealed record SchemaAlternative(Subschema[] Parts, JsonTypes Types)
{
    public static SchemaAlternative Free { get; } = new([], JsonTypes.All);

    /// <summary>One way to satisfy both; null if no type is left.</summary>
    public SchemaAlternative? And(SchemaAlternative other)
    {
        var types = Types & other.Types;
        return types == JsonTypes.None ? null
            : other.Parts.Length == 0 ? this
            : Parts.Length == 0 ? other
            : new SchemaAlternative([.. Parts.UnionBy(other.Parts, part => part.Id).OrderBy(part => part.Id)], types);
    }
}
