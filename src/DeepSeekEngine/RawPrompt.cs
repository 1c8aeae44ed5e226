namespace DeepSeekEngine;

/// <summary>
/// A prompt the chat template does not touch: what is in it is what the model continues. It ends within the reasoning if its text ends in
/// the opening tag.
/// </summary>
public sealed class RawPrompt
{
    private RawPrompt(string? text, int[]? tokens) => (TextValue, TokenValues) = (text, tokens);

    internal string? TextValue { get; }

    internal int[]? TokenValues { get; }

    /// <summary>Text in which special tokens are what they look like; the beginning-of-sentence token is not added.</summary>
    /// <param name="text">Trusted text: whoever wrote it can speak in the name of anyone.</param>
    public static RawPrompt FromText(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return new RawPrompt(text, null);
    }

    /// <summary>Tokens by their ids.</summary>
    /// <exception cref="ArgumentException">There is none. Ids the model lacks are refused when the prompt is used.</exception>
    public static RawPrompt FromTokens(IEnumerable<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var values = tokens.ToArray();
        return values.Length > 0 ? new RawPrompt(null, values) : throw new ArgumentException("A prompt has at least one token.", nameof(tokens));
    }
}
