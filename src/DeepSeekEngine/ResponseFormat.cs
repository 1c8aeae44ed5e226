using System.Text.Json;

namespace DeepSeekEngine;

/// <summary>
/// What an answer looks like. It holds for the answer, not for the reasoning before it: of each token only those are chosen that can
/// still lead to it, so an answer that ends by itself (<see cref="FinishReason.EndOfText"/>) always is of the format. Made once, it may
/// be used for any number of requests at the same time, and is then faster than one made for each.
/// </summary>
public sealed class ResponseFormat
{
    private ResponseFormat()
    {
    }

    /// <summary>Any JSON value.</summary>
    public static ResponseFormat Json() => throw new NotSupportedException();

    /// <summary>JSON that validates against a schema, in the dialect of draft 2020-12.</summary>
    /// <param name="schema">The schema.</param>
    public static ResponseFormat JsonSchema(JsonElement schema) => throw new NotSupportedException();

    /// <inheritdoc cref="JsonSchema(JsonElement)"/>
    public static ResponseFormat JsonSchema(string schema) => throw new NotSupportedException();

    /// <summary>Text that a regular expression matches from its first character to its last.</summary>
    /// <param name="pattern">The pattern.</param>
    public static ResponseFormat Regex(string pattern) => throw new NotSupportedException();

    /// <summary>One of several texts.</summary>
    /// <param name="choices">The texts.</param>
    public static ResponseFormat Choice(params IReadOnlyList<string> choices) => throw new NotSupportedException();
}
