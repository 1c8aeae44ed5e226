namespace DeepSeekEngine;

/// <summary>A JSON schema or a pattern asks for something that answers cannot be held to, or that no answer satisfies.</summary>
public sealed class UnsupportedSchemaException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="location">Where: a JSON pointer into the schema, or the pattern.</param>
    /// <param name="problem">What is not supported, by name, and what is.</param>
    public UnsupportedSchemaException(string location, string problem)
        : base($"{location}: {problem}")
        => Location = location;

    /// <summary>Where: a JSON pointer into the schema, or the pattern.</summary>
    public string Location { get; }
}
