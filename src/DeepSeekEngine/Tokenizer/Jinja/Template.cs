namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>
/// A template in the part of Jinja that chat templates use, parsed once and rendered any number of times, by several threads if need be.
/// Strings know which of their characters the template wrote and which it was given; see <see cref="PromptText"/>.
/// </summary>
/// <remarks>
/// An interpreter of our own for two reasons: there is no Jinja package for .NET (DotLiquid and Fluid are Liquid, Scriban its own language;
/// none has namespace(), Python's string methods or slices), and none of them could carry through each operation where a character came
/// from.
/// </remarks>
internal sealed class Template
{
    /// <summary>Published templates have 1 to 20 KB.</summary>
    private const int MaxLength = 1 << 20;

    /// <summary>Steps and characters a rendering may use, and the more it is given to render, the more.</summary>
    private const long BaseWork = 20_000_000;

    private const long WorkPerCharacter = 100;

    private readonly TemplateSource _source;

    private readonly IReadOnlyList<Statement> _statements;

    private readonly IReadOnlySet<string> _names;

    /// <summary>Parses a template.</summary>
    /// <param name="path">The file it comes from, for messages.</param>
    /// <param name="text">The template.</param>
    /// <exception cref="UnsupportedModelException">The template uses something that is no Jinja or is not supported; the message says what
    /// and where.</exception>
    public Template(string path, string text)
    {
        if (text.Length > MaxLength)
        {
            throw new UnsupportedModelException(path, $"the chat template has {text.Length:N0} characters; supported are {MaxLength:N0}.");
        }

        _source = new TemplateSource(path, text);
        _statements = Parser.Parse(_source, out _names);
    }

    /// <summary>Whether the template reads a variable of that name anywhere.</summary>
    public bool Reads(string name) => _names.Contains(name);

    /// <summary>Renders the template.</summary>
    /// <param name="variables">What the template can name.</param>
    /// <param name="inputLength">The characters in <paramref name="variables"/>.</param>
    /// <exception cref="UnsupportedModelException">The template cannot be rendered, or does more work than it should need.</exception>
    /// <exception cref="ArgumentException">The template refuses what it is given.</exception>
    public PromptText Render(IEnumerable<KeyValuePair<string, object?>> variables, long inputLength)
    {
        Scope globals = new(null);
        Builtins.AddTo(globals);
        foreach ((string name, object? value) in variables)
        {
            globals.Set(name, value);
        }

        Evaluation evaluation = new(_source, BaseWork + (WorkPerCharacter * inputLength));
        return new Interpreter(evaluation).Run(_statements, globals);
    }
}
