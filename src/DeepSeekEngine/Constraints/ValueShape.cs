namespace DeepSeekEngine.Constraints;

/// <summary>JSON values, by type; null where there are none of that type.</summary>
internal sealed class ValueShape
{
    /// <summary>Those of null, true and false that are among them.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    public TextLanguage? Strings { get; init; }

    /// <summary>Numbers, as they are written.</summary>
    public TextLanguage? Numbers { get; init; }

    public ArrayShape? Arrays { get; init; }

    public ObjectShape? Objects { get; init; }

    /// <summary>How many arrays and objects within each other the flattest values have.</summary>
    public int MinDepth => Keywords.Count > 0 || Strings is not null || Numbers is not null
        ? 0
        : Math.Min(Arrays?.MinDepth ?? ValueNode.Never, Objects?.MinDepth ?? ValueNode.Never);
}
