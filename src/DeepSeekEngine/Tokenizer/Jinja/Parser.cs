namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>Parses a template into statements.</summary>
internal sealed class Parser
{
    private readonly TokenStream _tokens;

    private readonly ExpressionParser _expressions;

    private int _loops;

    private Parser(TemplateSource source)
    {
        _tokens = new TokenStream(source);
        _expressions = new ExpressionParser(_tokens);
    }

    /// <param name="source">The template.</param>
    /// <param name="names">The variables it reads.</param>
    /// <exception cref="UnsupportedModelException">The template uses something that is no Jinja or is not supported.</exception>
    public static IReadOnlyList<Statement> Parse(TemplateSource source, out IReadOnlySet<string> names)
    {
        Parser parser = new(source);
        List<Statement> statements = parser.ParseBody();
        names = parser._expressions.Names;
        return parser._tokens.Current.Kind == TokenKind.End
            ? statements
            : throw parser._tokens.Unexpected("the end of the template");
    }

    /// <summary>Statements up to a tag named in <paramref name="ends"/>, of which <c>{%</c> and the name are taken.</summary>
    private List<Statement> ParseUntil(out string end, params ReadOnlySpan<string> ends)
    {
        List<Statement> body = ParseBody(ends);
        if (_tokens.Current.Kind == TokenKind.End)
        {
            throw _tokens.Unexpected($"'{string.Join("' or '", ends.ToArray())}'");
        }

        _tokens.Take();
        end = _tokens.Take().Text;
        return body;
    }

    private List<Statement> ParseBody(params ReadOnlySpan<string> ends)
    {
        _tokens.Enter();
        List<Statement> body = [];
        while (_tokens.Current.Kind != TokenKind.End
            && !(_tokens.Current.Kind == TokenKind.BlockBegin && ends.Contains(_tokens.Following.Text)))
        {
            Token token = _tokens.Take();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    body.Add(new TextStatement(token.Position, PromptText.Trusted(token.Text)));
                    break;
                case TokenKind.OutputBegin:
                    body.Add(new OutputStatement(token.Position, _expressions.Parse()));
                    _tokens.Expect(TokenKind.OutputEnd, "'}}'");
                    break;
                default:
                    ParseBlock(token.Position, body);
                    break;
            }
        }

        _tokens.Leave();
        return body;
    }

    private void ParseBlock(int position, List<Statement> body)
    {
        Token name = _tokens.Expect(TokenKind.Name, "the name of a block");
        switch (name.Text)
        {
            case "if":
                body.Add(ParseIf(position));
                break;
            case "for":
                body.Add(ParseFor(position));
                break;
            case "set":
                body.Add(ParseSet(position));
                break;
            case "macro":
                body.Add(ParseMacro(position));
                break;
            case "break" or "continue" when _loops > 0:
                body.Add(name.Text == "break" ? new BreakStatement(position) : new ContinueStatement(position));
                break;
            case "generation":
                // Marks what a model is trained to say; renders as what is in it.
                EndBlock();
                body.AddRange(ParseUntil(out _, "endgeneration"));
                break;
            default:
                throw _tokens.Unsupported(name.Position, $"the block '{name.Text}' is not supported here.");
        }

        EndBlock();
    }

    private void EndBlock() => _tokens.Expect(TokenKind.BlockEnd, "'%}'");

    private IfStatement ParseIf(int position)
    {
        List<(Expression, IReadOnlyList<Statement>)> branches = [];
        IReadOnlyList<Statement> otherwise = [];
        string end;
        do
        {
            Expression condition = _expressions.Parse();
            EndBlock();
            branches.Add((condition, ParseUntil(out end, "elif", "else", "endif")));
        }
        while (end == "elif");

        if (end == "else")
        {
            EndBlock();
            otherwise = ParseUntil(out _, "endif");
        }

        return new IfStatement(position, branches, otherwise);
    }

    private ForStatement ParseFor(int position)
    {
        List<string> targets = ParseTargets();
        if (!_tokens.TryTakeName("in"))
        {
            throw _tokens.Unexpected("'in'");
        }

        Expression items = _expressions.ParseWithoutConditional();
        Expression? condition = _tokens.TryTakeName("if") ? _expressions.Parse() : null;
        EndBlock();
        _loops++;
        List<Statement> body = ParseUntil(out string end, "else", "endfor");
        _loops--;
        IReadOnlyList<Statement> otherwise = [];
        if (end == "else")
        {
            EndBlock();
            otherwise = ParseUntil(out _, "endfor");
        }

        return new ForStatement(position, targets, items, condition, body, otherwise);
    }

    private List<string> ParseTargets()
    {
        List<string> targets = [];
        bool bracket = _tokens.TryTakeOperator("(");
        do
        {
            targets.Add(_tokens.Expect(TokenKind.Name, "the name of a variable").Text);
        }
        while (_tokens.TryTakeOperator(","));

        if (bracket)
        {
            _tokens.ExpectOperator(")");
        }

        return targets;
    }

    private Statement ParseSet(int position)
    {
        if (_tokens.Current.Kind == TokenKind.Name && _tokens.Following.IsOperator("."))
        {
            string target = _tokens.Take().Text;
            _tokens.Take();
            string member = _tokens.Expect(TokenKind.Name, "a name").Text;
            _tokens.ExpectOperator("=");
            return new SetMemberStatement(position, target, member, _expressions.ParseTuple());
        }

        List<string> targets = ParseTargets();
        if (_tokens.TryTakeOperator("="))
        {
            return new SetStatement(position, targets, _expressions.ParseTuple());
        }

        if (targets.Count != 1)
        {
            throw _tokens.Unexpected("'='");
        }

        EndBlock();
        return new SetBlockStatement(position, targets[0], ParseUntil(out _, "endset"));
    }

    private MacroStatement ParseMacro(int position)
    {
        string name = _tokens.Expect(TokenKind.Name, "the name of a macro").Text;
        List<(string, Expression?)> parameters = [];
        _tokens.ExpectOperator("(");
        while (!_tokens.TryTakeOperator(")"))
        {
            string parameter = _tokens.Expect(TokenKind.Name, "the name of a parameter").Text;
            parameters.Add((parameter, _tokens.TryTakeOperator("=") ? _expressions.Parse() : null));
            if (!_tokens.Current.IsOperator(")"))
            {
                _tokens.ExpectOperator(",");
            }
        }

        EndBlock();
        int outerLoops = _loops;
        _loops = 0;
        List<Statement> body = ParseUntil(out _, "endmacro");
        _loops = outerLoops;
        return new MacroStatement(position, name, parameters, body);
    }
}
