namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The evaluated arguments of a call. What takes them says which names they have; what is left over is refused.</summary>
internal sealed class CallArguments(
    Evaluation evaluation, string callee, IReadOnlyList<object?> positional, IReadOnlyDictionary<string, object?> named)
{
    public IReadOnlyList<object?> Positional => positional;

    public IReadOnlyDictionary<string, object?> Named => named;

    /// <summary>The values of the parameters; <see cref="Undefined"/> where none is given.</summary>
    /// <exception cref="UnsupportedModelException">There are more arguments, or others, than parameters.</exception>
    public object?[] Bind(params ReadOnlySpan<string> parameters)
    {
        if (positional.Count > parameters.Length)
        {
            throw evaluation.Error($"'{callee}' takes at most {parameters.Length} arguments and got {positional.Count}.");
        }

        object?[] values = new object?[parameters.Length];
        int bound = positional.Count;
        for (int i = 0; i < parameters.Length; i++)
        {
            if (i < positional.Count)
            {
                values[i] = positional[i];
            }
            else if (named.TryGetValue(parameters[i], out object? value))
            {
                values[i] = value;
                bound++;
            }
            else
            {
                values[i] = new Undefined(parameters[i]);
            }
        }

        return bound == positional.Count + named.Count
            ? values
            : throw evaluation.Error($"'{callee}' got an argument it does not take: {string.Join(", ", named.Keys)}.");
    }
}
