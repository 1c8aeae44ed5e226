namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The tokens of a template as a parser takes them, and how deeply what it reads is nested.</summary>
internal sealed class TokenStream(TemplateSource source)
{
    /// <summary>Parsing recurses: a template of nothing but brackets must not exhaust the stack.</summary>
    private const int MaxNesting = 64;

    private readonly List<Token> _tokens = Lexer.Tokenize(source);

    private int _at;

    private int _nesting;

    public Token Current => _tokens[_at];

    public Token Following => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    public Token Take()
    {
        Token token = Current;
        if (token.Kind != TokenKind.End)
        {
            _at++;
        }

        return token;
    }

    public bool TryTakeOperator(string symbol)
    {
        bool found = Current.IsOperator(symbol);
        if (found)
        {
            _at++;
        }

        return found;
    }

    public bool TryTakeName(string name)
    {
        bool found = Current.IsName(name);
        if (found)
        {
            _at++;
        }

        return found;
    }

    public void ExpectOperator(string symbol)
    {
        if (!TryTakeOperator(symbol))
        {
            throw Unexpected($"'{symbol}'");
        }
    }

    public Token Expect(TokenKind kind, string what) => Current.Kind == kind ? Take() : throw Unexpected(what);

    public UnsupportedModelException Unexpected(string expected)
        => source.Unsupported(Current.Position, $"expected {expected} and found '{Current.Text}'.");

    public UnsupportedModelException Unsupported(int position, string problem) => source.Unsupported(position, problem);

    public void Enter()
    {
        if (++_nesting > MaxNesting)
        {
            throw source.Unsupported(Current.Position, $"more than {MaxNesting} constructs are nested.");
        }
    }

    public void Leave() => _nesting--;
}
