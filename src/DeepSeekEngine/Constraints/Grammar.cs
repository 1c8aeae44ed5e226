using System.Text;
using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// What an answer may be. Immutable, free of any vocabulary and usable by any number of <see cref="Matcher"/>s at the same time; masks
/// are kept with the vocabulary, by state, so that a grammar used again is faster than an equal one.
/// </summary>
internal sealed class Grammar
{
    /// <summary>How deeply arrays and objects may be nested: as deeply as .NET's JSON readers read unless told otherwise.</summary>
    public const int MaxDepth = 64;

    private static readonly Grammar s_json = OfValue(ValueNode.Anything);

    private Grammar(State start, params IEnumerable<int> tokens)
    {
        Start = start;
        Tokens = [.. tokens.Distinct()];
    }

    public State Start { get; }

    /// <summary>The added tokens it has anywhere.</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>Any text, an empty one too.</summary>
    public static Grammar AnyText { get; } = new(TextState.Bare(TextLanguage.Any));

    /// <summary>Any JSON value.</summary>
    public static Grammar Json() => s_json;

    /// <summary>The JSON values that satisfy a schema.</summary>
    /// <exception cref="UnsupportedSchemaException">The schema is malformed, is not supported or is satisfied by nothing.</exception>
    public static Grammar JsonSchema(JsonElement schema) => OfValue(SchemaCompiler.Compile(SchemaReader.Read(schema.GetRawText())));

    /// <inheritdoc cref="JsonSchema(JsonElement)"/>
    public static Grammar JsonSchema(string schema) => OfValue(SchemaCompiler.Compile(SchemaReader.Read(schema)));

    /// <summary>Texts that a regular expression matches as a whole.</summary>
    /// <exception cref="UnsupportedSchemaException">It is malformed, is not supported or matches nothing.</exception>
    public static Grammar Pattern(string pattern)
    {
        var language = TextLanguage.Pattern(pattern, wholeText: true);
        return language.IsEmpty
            ? throw new UnsupportedSchemaException(pattern, "The pattern matches no text.")
            : new Grammar(TextState.Bare(language));
    }

    /// <summary>One of several texts.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    /// <exception cref="UnsupportedSchemaException">One has a surrogate without its partner, or they are too many.</exception>
    public static Grammar Choice(IReadOnlyList<string> choices)
        => choices.Count == 0
            ? throw new ArgumentException("There is nothing to choose from.", nameof(choices))
            : new Grammar(TextState.Bare(TextLanguage.Literals(choices)));

    /// <summary>That text.</summary>
    public static Grammar Text(string literal)
        => literal.Length == 0 ? Sequence() : new Grammar(new LiteralState(Encoding.UTF8.GetBytes(literal), 0));

    /// <summary>One added token, as that and never by the text it is written as.</summary>
    public static Grammar Token(int tokenId) => new(new TokenState(tokenId), tokenId);

    /// <summary>One after the other.</summary>
    public static Grammar Sequence(params Grammar[] items)
        => new(new SequenceState(States(items), 0), items.SelectMany(item => item.Tokens));

    /// <summary>One of several.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static Grammar AnyOf(params Grammar[] alternatives)
        => alternatives.Length == 0
            ? throw new ArgumentException("There is nothing to choose from.", nameof(alternatives))
            : new Grammar(new AnyOfState(States(alternatives)), alternatives.SelectMany(alternative => alternative.Tokens));

    /// <summary>One item after the other.</summary>
    /// <param name="item">What each is; never empty.</param>
    /// <param name="min">The fewest.</param>
    /// <param name="max">The most; null for no limit.</param>
    /// <exception cref="ArgumentException">An item may be empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than <paramref name="min"/>.</exception>
    public static Grammar Repeat(Grammar item, int min, int? max)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(min);
        ArgumentOutOfRangeException.ThrowIfLessThan(max ?? min, min, nameof(max));
        return item.Start.MayPop
            ? throw new ArgumentException("An item that may be empty cannot be counted.", nameof(item))
            : new Grammar(new RepeatState(item.Start, min, max, 0), item.Tokens);
    }

    private static Grammar OfValue(ValueNode node)
        => new(new SequenceState([WhitespaceState.Line(level: 0), new ValueState(node, MaxDepth)], 0));

    private static State[] States(Grammar[] grammars) => [.. grammars.Select(grammar => grammar.Start)];
}
