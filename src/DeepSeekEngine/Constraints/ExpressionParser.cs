namespace DeepSeekEngine.Constraints;

/// <summary>
/// Parses regular expressions of ECMA-262 as the flag u has them. What cannot be said of a regular language is refused; a quantifier's
/// lazy form matches the same texts.
/// </summary>
internal sealed class ExpressionParser
{
    private const int MaxLength = 1 << 15;

    /// <summary>How deep groups nest; each level takes stack.</summary>
    private const int MaxDepth = 100;

    private readonly ExpressionReader _reader;

    private readonly ScalarParser _scalars;

    private readonly HashSet<string> _names = [];

    private ExpressionParser(string pattern)
    {
        _reader = new ExpressionReader(pattern);
        _scalars = new ScalarParser(_reader);
    }

    /// <exception cref="UnsupportedSchemaException">The pattern is malformed or not supported.</exception>
    public static ExpressionNode Parse(string pattern)
    {
        if (pattern.Length > MaxLength)
        {
            throw new UnsupportedSchemaException(
                ExpressionReader.Shown(pattern),
                $"the regular expression has {pattern.Length} characters; at most {MaxLength} are supported");
        }

        ExpressionParser parser = new(pattern);
        ExpressionNode root = parser.ParseAlternation(depth: 0);
        return parser._reader.AtEnd ? root : throw parser._reader.Error(parser._reader.Position, "a ')' too many");
    }

    private ExpressionNode ParseAlternation(int depth)
    {
        List<ExpressionNode> items = [];
        do
        {
            items.Add(ParseSequence(depth));
        }
        while (_reader.TryTake("|"));

        return items.Count == 1 ? items[0] : new AlternationNode(items);
    }

    private SequenceNode ParseSequence(int depth)
    {
        List<ExpressionNode> items = [];
        while (!_reader.AtEnd && _reader.Peek() is not ('|' or ')'))
        {
            int position = _reader.Position;
            ExpressionNode item = ParseAtom(depth);
            items.Add(ParseRepetition(item, position));
        }

        return new SequenceNode(items);
    }

    private ExpressionNode ParseAtom(int depth)
    {
        int position = _reader.Position;
        int taken = _reader.Take();
        switch (taken)
        {
            case '(':
                return ParseGroup(position, depth + 1);
            case '^':
                return new AssertionNode(Assertion.Start);
            case '$':
                return new AssertionNode(Assertion.End);
            case '.':
                return new ScalarNode(ScalarProperties.Dot);
            case '[':
                return new ScalarNode(_scalars.ParseClass());
            case '\\' when _reader.TryTake("b"):
                return new AssertionNode(Assertion.WordBorder);
            case '\\' when _reader.TryTake("B"):
                return new AssertionNode(Assertion.NoWordBorder);
            case '\\':
                return new ScalarNode(_scalars.ParseEscape().Set);
            case '?' or '*' or '+':
                throw _reader.Error(position, $"'{(char)taken}' where there is nothing to repeat, or something already repeated");
            case '{' or '}' or ']':
                throw _reader.Error(position, $"'{(char)taken}' without a meaning; write '\\{(char)taken}' for the character");
            default:
                return new ScalarNode(ScalarSet.Of(taken));
        }
    }

    private ExpressionNode ParseGroup(int position, int depth)
    {
        if (depth > MaxDepth)
        {
            throw _reader.Error(position, $"a group more than {MaxDepth} deep in others");
        }

        if (_reader.TryTake("?") && !_reader.TryTake(":"))
        {
            ParseName(position);
        }

        ExpressionNode body = ParseAlternation(depth);
        return _reader.TryTake(")") ? body : throw _reader.Error(position, "a '(' without its ')'");
    }

    /// <summary>Parses what follows <c>(?</c> where that is no colon, which only a name may.</summary>
    private void ParseName(int position)
    {
        foreach (string lookaround in (ReadOnlySpan<string>)["=", "!", "<=", "<!"])
        {
            if (_reader.TryTake(lookaround))
            {
                throw _reader.Error(position, $"the lookaround '(?{lookaround}'");
            }
        }

        if (!_reader.TryTake("<"))
        {
            throw _reader.Error(position, "a flag, or another group that begins with '(?' and is neither '(?:' nor '(?<name>'");
        }

        string name = _reader.TakeUntil('>');
        if (name.Length == 0 || char.IsDigit(name[0]) || !name.All(c => char.IsLetterOrDigit(c) || c is '_' or '$'))
        {
            throw _reader.Error(position, "a group whose name is no identifier");
        }

        if (!_names.Add(name))
        {
            throw _reader.Error(position, $"a second group of the name '{ExpressionReader.Shown(name)}'");
        }
    }

    private ExpressionNode ParseRepetition(ExpressionNode item, int position)
    {
        (int Min, int? Max)? times = _reader.Peek() switch
        {
            '?' => (0, 1),
            '*' => (0, null),
            '+' => (1, null),
            '{' => (0, 0),
            _ => null,
        };
        if (times is not (int min, var max))
        {
            return item;
        }

        if (item is AssertionNode)
        {
            throw _reader.Error(position, "a repeated assertion");
        }

        if (_reader.Take() == '{')
        {
            (min, max) = ParseBraces();
        }

        _reader.TryTake("?");
        return new RepetitionNode(item, min, max);
    }

    private (int Min, int? Max) ParseBraces()
    {
        int position = _reader.Position - 1;
        int? min = _reader.TakeNumber();
        int? max = _reader.TryTake(",") ? _reader.TakeNumber() : min;
        if (min is not int least || !_reader.TryTake("}"))
        {
            throw _reader.Error(position, "'{' that is neither {n}, {n,} nor {n,m}; write '\\{' for the character");
        }

        return least <= (max ?? least) ? (least, max) : throw _reader.Error(position, "a repetition that is upside down");
    }
}
