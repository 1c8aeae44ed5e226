using System.Globalization;

namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>
/// Parses expressions, loosest first: <c>x if c else y</c>; or; and; not; comparisons and in; + -; ~; * / // %; unary; then member,
/// subscript, call, filter and test, which bind to what stands left of them.
/// </summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private static readonly string[] s_comparisons = ["==", "!=", "<", "<=", ">", ">="];

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>The variables that the expressions parsed so far read.</summary>
    public IReadOnlySet<string> Names => _names;

    public Expression Parse()
    {
        tokens.Enter();
        int position = tokens.Current.Position;
        Expression value = ParseWithoutConditional();
        while (tokens.TryTakeName("if"))
        {
            Expression condition = ParseWithoutConditional();
            Expression? otherwise = tokens.TryTakeName("else") ? Parse() : null;
            value = new Conditional(position, condition, value, otherwise);
        }

        tokens.Leave();
        return value;
    }

    /// <summary>An expression, or several with commas between them, which are a list.</summary>
    public Expression ParseTuple()
    {
        int position = tokens.Current.Position;
        Expression first = Parse();
        if (!tokens.Current.IsOperator(","))
        {
            return first;
        }

        List<Expression> items = [first];
        while (tokens.TryTakeOperator(",") && tokens.Current.Kind is not (TokenKind.BlockEnd or TokenKind.OutputEnd))
        {
            items.Add(Parse());
        }

        return new ListLiteral(position, items);
    }

    /// <summary>An expression that a following <c>if</c> does not belong to: what a for loop runs over.</summary>
    public Expression ParseWithoutConditional() => ParseLeftAssociative("or", ParseAnd);

    private Expression ParseAnd() => ParseLeftAssociative("and", ParseNot);

    private Expression ParseLeftAssociative(string name, Func<Expression> operand)
    {
        Expression left = operand();
        while (tokens.Current.IsName(name))
        {
            int position = tokens.Take().Position;
            left = new Binary(position, name, left, operand());
        }

        return left;
    }

    private Expression ParseNot()
    {
        if (!tokens.Current.IsName("not"))
        {
            return ParseComparison();
        }

        tokens.Enter();
        Expression negated = new Unary(tokens.Take().Position, "not", ParseNot());
        tokens.Leave();
        return negated;
    }

    private Expression ParseComparison()
    {
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (TakeComparison() is string comparison)
        {
            rest.Add((comparison, ParseSum()));
        }

        return rest.Count == 0 ? first : new Comparison(first.Position, first, rest);
    }

    private string? TakeComparison()
    {
        if (tokens.Current.Kind == TokenKind.Operator && Array.IndexOf(s_comparisons, tokens.Current.Text) >= 0)
        {
            return tokens.Take().Text;
        }

        if (tokens.Current.IsName("not") && tokens.Following.IsName("in"))
        {
            tokens.Take();
            tokens.Take();
            return "not in";
        }

        return tokens.TryTakeName("in") ? "in" : null;
    }

    private Expression ParseSum() => ParseOperators(["+", "-"], ParseConcatenation);

    private Expression ParseConcatenation() => ParseOperators(["~"], ParseProduct);

    private Expression ParseProduct() => ParseOperators(["*", "/", "//", "%"], () => ParseUnary(withFilters: true));

    private Expression ParseOperators(string[] symbols, Func<Expression> operand)
    {
        Expression left = operand();
        while (tokens.Current.Kind == TokenKind.Operator && Array.IndexOf(symbols, tokens.Current.Text) >= 0)
        {
            Token symbol = tokens.Take();
            left = new Binary(symbol.Position, symbol.Text, left, operand());
        }

        return left;
    }

    /// <summary>As in Jinja a filter applies to the signed value, a member or call to the unsigned one.</summary>
    private Expression ParseUnary(bool withFilters)
    {
        Expression value;
        if (tokens.Current.IsOperator("-") || tokens.Current.IsOperator("+"))
        {
            tokens.Enter();
            Token sign = tokens.Take();
            value = new Unary(sign.Position, sign.Text, ParseUnary(withFilters: false));
            tokens.Leave();
        }
        else
        {
            value = ParsePostfix(ParsePrimary());
        }

        return withFilters ? ParseFiltersAndTests(value) : value;
    }

    private Name ParseName(Token token)
    {
        _names.Add(token.Text);
        return new Name(token.Position, token.Text);
    }

    private Expression ParsePrimary()
    {
        Token token = tokens.Take();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Literal(token.Position, true),
                    "false" or "False" => new Literal(token.Position, false),
                    "none" or "None" => new Literal(token.Position, null),
                    _ => ParseName(token),
                };
            case TokenKind.String:
                return new Literal(token.Position, PromptText.Trusted(token.Text));
            case TokenKind.Integer when long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long integer):
                return new Literal(token.Position, integer);
            case TokenKind.Float when double.TryParse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number):
                return new Literal(token.Position, number);
            case TokenKind.Operator when token.Text is "(":
                return ParseParenthesized(token.Position);
            case TokenKind.Operator when token.Text is "[":
                return new ListLiteral(token.Position, ParseItems("]"));
            case TokenKind.Operator when token.Text is "{":
                return ParseMap(token.Position);
            default:
                throw tokens.Unsupported(token.Position, $"expected a value and found '{token.Text}'.");
        }
    }

    private Expression ParseParenthesized(int position)
    {
        if (tokens.TryTakeOperator(")"))
        {
            return new ListLiteral(position, []);
        }

        Expression first = Parse();
        if (tokens.TryTakeOperator(","))
        {
            return new ListLiteral(position, [first, .. ParseItems(")")]);
        }

        tokens.ExpectOperator(")");
        return first;
    }

    private List<Expression> ParseItems(string end)
    {
        List<Expression> items = [];
        while (!tokens.TryTakeOperator(end))
        {
            items.Add(Parse());
            if (!tokens.Current.IsOperator(end))
            {
                tokens.ExpectOperator(",");
            }
        }

        return items;
    }

    private MapLiteral ParseMap(int position)
    {
        List<(Expression, Expression)> entries = [];
        while (!tokens.TryTakeOperator("}"))
        {
            Expression key = Parse();
            tokens.ExpectOperator(":");
            entries.Add((key, Parse()));
            if (!tokens.Current.IsOperator("}"))
            {
                tokens.ExpectOperator(",");
            }
        }

        return new MapLiteral(position, entries);
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.TryTakeOperator("."))
            {
                value = tokens.Current.Kind == TokenKind.Integer
                    ? new Subscript(token.Position, value, ParsePrimary())
                    : new Member(token.Position, value, tokens.Expect(TokenKind.Name, "a name").Text);
            }
            else if (tokens.TryTakeOperator("["))
            {
                value = ParseSubscript(token.Position, value);
            }
            else if (tokens.TryTakeOperator("("))
            {
                value = new Call(token.Position, value, ParseArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseSubscript(int position, Expression target)
    {
        Expression? start = tokens.Current.IsOperator(":") ? null : Parse();
        if (start is not null && tokens.TryTakeOperator("]"))
        {
            return new Subscript(position, target, start);
        }

        tokens.ExpectOperator(":");
        Expression? stop = tokens.Current.IsOperator(":") || tokens.Current.IsOperator("]") ? null : Parse();
        Expression? step = tokens.TryTakeOperator(":") && !tokens.Current.IsOperator("]") ? Parse() : null;
        tokens.ExpectOperator("]");
        return new Slice(position, target, start, stop, step);
    }

    /// <summary>The arguments of a call whose opening bracket is taken.</summary>
    private Arguments ParseArguments()
    {
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        while (!tokens.TryTakeOperator(")"))
        {
            if (tokens.Current.Kind == TokenKind.Name && tokens.Following.IsOperator("="))
            {
                string name = tokens.Take().Text;
                tokens.Take();
                named.Add((name, Parse()));
            }
            else if (named.Count > 0)
            {
                throw tokens.Unexpected("a named argument");
            }
            else
            {
                positional.Add(Parse());
            }

            if (!tokens.Current.IsOperator(")"))
            {
                tokens.ExpectOperator(",");
            }
        }

        return new Arguments(positional, named);
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            int position = tokens.Current.Position;
            if (tokens.TryTakeOperator("|"))
            {
                Token filter = tokens.Expect(TokenKind.Name, "a filter");
                if (!Filters.IsKnown(filter.Text))
                {
                    throw tokens.Unsupported(filter.Position, $"the filter '{filter.Text}' is not supported.");
                }

                value = new FilterCall(position, value, filter.Text, tokens.TryTakeOperator("(") ? ParseArguments() : Arguments.None);
            }
            else if (tokens.TryTakeName("is"))
            {
                value = ParseTest(position, value);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseTest(int position, Expression value)
    {
        bool negated = tokens.TryTakeName("not");
        Token test = tokens.Expect(TokenKind.Name, "a test");
        if (!Tests.IsKnown(test.Text))
        {
            throw tokens.Unsupported(test.Position, $"the test '{test.Text}' is not supported.");
        }

        Expression? argument = Tests.TakesArgument(test.Text) ? ParsePostfix(ParsePrimary()) : null;
        Expression result = new TestCall(position, value, test.Text, argument);
        return negated ? new Unary(position, "not", result) : result;
    }
}
