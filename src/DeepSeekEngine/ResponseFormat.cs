using System.Text.Json;
using DeepSeekEngine.Constraints;

namespace DeepSeekEngine;

/// <summary>
/// What an answer looks like. It holds for the answer, not for the reasoning before it: of each token only those are chosen that can
/// still lead to it, so an answer that ends by itself (<see cref="FinishReason.EndOfText"/>) always is of the format. Made once, it may
/// be used for any number of requests at the same time, and is then faster than one made for each.
/// </summary>
public sealed class ResponseFormat
{
    private ResponseFormat(Grammar grammar) => Grammar = grammar;

    internal Grammar Grammar { get; }

    /// <summary>
    /// Any JSON value. Arrays and objects are nested at most 64 deep, names of an object's members do not repeat, and between two tokens there
    /// is at most a space, or a line break and an indentation of up to four spaces or tabs a level.
    /// </summary>
    public static ResponseFormat Json() => new(Grammar.Json());

    /// <summary>
    /// JSON that validates against a schema, in the dialect of draft 2020-12. The members of an object come in any order, strings may be
    /// written with or without escapes, and what <see cref="Json"/> says of depth, names and white space holds.
    /// </summary>
    /// <remarks>
    /// <para>Supported are <c>true</c> and <c>false</c> as schemas and these keywords: <c>type</c>, <c>enum</c>, <c>const</c>; <c>allOf</c>,
    /// <c>anyOf</c>, <c>oneOf</c> where no value satisfies two of its schemas; <c>$ref</c> within the schema, recursive or not, <c>$defs</c>,
    /// <c>definitions</c>, <c>$anchor</c>, <c>$id</c> for the whole; <c>minLength</c>, <c>maxLength</c>, <c>pattern</c> without lookaround and
    /// back references, <c>format</c> (date, time, date-time, email, hostname, ipv4, uuid); <c>minimum</c>, <c>maximum</c>,
    /// <c>exclusiveMinimum</c>, <c>exclusiveMaximum</c>, <c>multipleOf</c> of integers or 0.1, 0.01 and so on; <c>properties</c>,
    /// <c>required</c>, <c>additionalProperties</c>, <c>patternProperties</c>, <c>propertyNames</c>, <c>minProperties</c>,
    /// <c>maxProperties</c>; <c>prefixItems</c>, <c>items</c>, <c>minItems</c>, <c>maxItems</c>, <c>uniqueItems</c> if it is false.
    /// Those that only describe are passed over: <c>title</c>, <c>description</c>, <c>default</c>, <c>examples</c>, <c>$comment</c>,
    /// <c>deprecated</c>, <c>readOnly</c>, <c>writeOnly</c>, <c>contentMediaType</c>, <c>$schema</c>. Any other is an error.</para>
    /// <para>Numbers have at most 15 digits before the point and 13 behind it, integers 18, or one more than a bound has; with a bound they
    /// have no exponent, and integers have neither exponent nor point. Numbers of <c>enum</c> and <c>const</c> are written as there.</para>
    /// </remarks>
    /// <param name="schema">The schema.</param>
    /// <exception cref="UnsupportedSchemaException">The schema is malformed, has a keyword that is not supported, is too large, or is satisfied
    /// by no value.</exception>
    public static ResponseFormat JsonSchema(JsonElement schema)
        => schema.ValueKind is JsonValueKind.Undefined
            ? throw new ArgumentException("The schema is no JSON value.", nameof(schema))
            : new ResponseFormat(Grammar.JsonSchema(schema));

    /// <inheritdoc cref="JsonSchema(JsonElement)"/>
    public static ResponseFormat JsonSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return new ResponseFormat(Grammar.JsonSchema(schema));
    }

    /// <summary>
    /// Text that a regular expression matches from its first character to its last. The dialect is that of <c>pattern</c> in a JSON schema:
    /// ECMA-262's with the flag u, without lookaround and back references.
    /// </summary>
    /// <param name="pattern">The pattern.</param>
    /// <exception cref="UnsupportedSchemaException">The pattern is malformed, has something that is not supported, is too large, or matches
    /// nothing.</exception>
    public static ResponseFormat Regex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return new ResponseFormat(Grammar.Pattern(pattern));
    }

    /// <summary>One of several texts.</summary>
    /// <param name="choices">The texts.</param>
    /// <exception cref="ArgumentException">There are none, or one is null.</exception>
    /// <exception cref="UnsupportedSchemaException">A text has a surrogate without its partner, or the texts are too long together.</exception>
    public static ResponseFormat Choice(params IReadOnlyList<string> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        return choices.Contains(null!)
            ? throw new ArgumentException("One of the choices is null.", nameof(choices))
            : new ResponseFormat(Grammar.Choice(choices));
    }
}
