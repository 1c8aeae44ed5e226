namespace DeepSeekEngine.Constraints;

/// <summary>Builds the objects that satisfy all of several schemas.</summary>
/// <param name="languages">Builds languages of names.</param>
/// <param name="expansion">Multiplies out what names are to satisfy.</param>
/// <param name="nodeOf">The node of values that satisfy some schemas.</param>
internal sealed class ObjectShapeBuilder(
    ScalarLanguages languages, SchemaExpansion expansion, Func<IEnumerable<Subschema>, ValueNode> nodeOf)
{
    /// <summary>How many kinds of other members there may be by which patterns of patternProperties their names match.</summary>
    private const int MaxClasses = 64;

    /// <summary>The objects; null if there are none.</summary>
    public ObjectShape? Build(IReadOnlyList<Subschema> parts)
    {
        var named = Names(parts.Where(part => part.PropertyNames is not null).ToArray());
        if (named is null && parts.Any(part => part.Required.Count > 0))
        {
            return null;
        }

        var required = parts.SelectMany(part => part.Required).ToHashSet();
        var texts = parts.SelectMany(part => part.Properties?.Keys ?? []).Concat(required).ToHashSet();
        var groups = parts.Where(part => part.ConstrainsMembers).ToArray();
        var patterns = groups.SelectMany(part => part.PatternProperties?.Keys ?? []).Distinct().ToDictionary(
            pattern => pattern,
            pattern => languages.Track(Location(groups, pattern), () => TextLanguage.Pattern(pattern, wholeText: false)));
        var names = new List<ObjectShape.Name>();
        foreach (var text in texts)
        {
            var scalars = WordRange.Scalars(text);
            if (named is null || !IsIn(named, scalars))
            {
                if (required.Contains(text))
                {
                    return null;
                }

                continue;
            }

            var matched = patterns.Where(pattern => IsIn(pattern.Value, scalars)).Select(pattern => pattern.Key).ToHashSet();
            names.Add(new(scalars, nodeOf(groups.SelectMany(group => Of(group, text, matched))), required.Contains(text)));
        }

        names.Sort((left, right) => WordRange.Compare(left.Scalars, right.Scalars));
        var max = parts.Min(part => part.MaxProperties);
        return new ObjectShape(
            [.. names],
            named is null || max == required.Count ? [] : Classes(named, texts, groups, patterns),
            parts.Select(part => part.MinProperties).DefaultIfEmpty(0).Max(),
            max);
    }

    private static string Location(Subschema[] groups, string pattern)
        => $"{groups.First(group => group.PatternProperties?.ContainsKey(pattern) ?? false).Location}/patternProperties";

    /// <summary>The schemas that apply to a member.</summary>
    /// <param name="group">The schema of the object.</param>
    /// <param name="name">The member's name; null for one that none of the object's schemas gives.</param>
    /// <param name="matched">The patterns that the name matches.</param>
    private static IEnumerable<Subschema> Of(Subschema group, string? name, IReadOnlySet<string> matched)
    {
        var applied = (group.PatternProperties ?? new Dictionary<string, Subschema>())
            .Where(pattern => matched.Contains(pattern.Key))
            .Select(pattern => pattern.Value)
            .ToList();
        if (name is not null && group.Properties is { } properties && properties.TryGetValue(name, out var property))
        {
            applied.Add(property);
        }

        if (applied.Count == 0 && group.AdditionalProperties is { } additional)
        {
            applied.Add(additional);
        }

        return applied;
    }

    private static bool IsIn(TextLanguage language, int[] scalars)
    {
        var state = language.Start;
        foreach (var scalar in scalars)
        {
            if (state == TextLanguage.Dead)
            {
                return false;
            }

            state = language.Next(state, scalar);
        }

        return state != TextLanguage.Dead && language.Accepts(state);
    }

    /// <summary>What members may be called; null if nothing.</summary>
    private TextLanguage? Names(Subschema[] parts)
    {
        TextLanguage? all = TextLanguage.Any;
        foreach (var part in parts)
        {
            TextLanguage? names = null;
            foreach (var alternative in expansion.Of([part.PropertyNames!]).Where(alternative => (alternative.Types & JsonTypes.String) != 0))
            {
                var strings = languages.Strings(alternative.Parts);
                names = names is null || strings is null
                    ? names ?? strings
                    : languages.Track(part.Location, () => names.Union(strings));
            }

            all = all is null || names is null ? null : languages.Track(part.Location, () => all.Intersect(names));
        }

        return all is { IsEmpty: false } ? all : null;
    }

    private ObjectShape.Class[] Classes(
        TextLanguage named, HashSet<string> texts, Subschema[] groups, Dictionary<string, TextLanguage> patterns)
    {
        if (patterns.Count == 0 && nodeOf(groups.SelectMany(group => Of(group, name: null, new HashSet<string>()))) == ValueNode.Nothing)
        {
            return [];
        }

        var location = groups.Length == 0 ? "#" : groups[0].Location;
        var others = texts.Count == 0 ? named : languages.Track(location, () => named.Except(TextLanguage.Literals(texts)));
        List<(TextLanguage Names, HashSet<string> Matched)> kinds = others.IsEmpty ? [] : [(others, [])];
        foreach (var (pattern, language) in patterns)
        {
            var split = new List<(TextLanguage Names, HashSet<string> Matched)>();
            foreach (var (names, matched) in kinds)
            {
                AddUnlessEmpty(split, languages.Track(location, () => names.Intersect(language)), [.. matched, pattern]);
                AddUnlessEmpty(split, languages.Track(location, () => names.Except(language)), matched);
            }

            kinds = split.Count <= MaxClasses
                ? split
                : throw new UnsupportedSchemaException(location, "The patterns of 'patternProperties' overlap in too many ways.");
        }

        // Kinds whose members have the same node need not be told apart.
        return [.. kinds
            .Select(kind => new ObjectShape.Class(kind.Names, nodeOf(groups.SelectMany(group => Of(group, name: null, kind.Matched)))))
            .Where(kind => kind.Node != ValueNode.Nothing)
            .GroupBy(kind => kind.Node)
            .Select(kinds => kinds.Aggregate(
                (left, right) => left with { Names = languages.Track(location, () => left.Names.Union(right.Names)) }))];
    }

    private static void AddUnlessEmpty(
        List<(TextLanguage Names, HashSet<string> Matched)> kinds, TextLanguage names, HashSet<string> matched)
    {
        if (!names.IsEmpty)
        {
            kinds.Add((names, matched));
        }
    }
}
