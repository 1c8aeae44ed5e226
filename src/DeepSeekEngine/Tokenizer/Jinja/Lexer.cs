namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>
/// Cuts a template into tokens. White space around tags goes as transformers has Jinja do it: trim_blocks (a line break after <c>%}</c> or
/// <c>#}</c> is dropped) and lstrip_blocks (blanks between the start of a line and <c>{%</c> or <c>{#</c> are dropped); <c>-</c> in a tag
/// takes all white space on its side, <c>+</c> keeps it.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] s_operators =
    [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}",
    ];

    /// <summary>Names are looked up again and again, which takes as long as they are.</summary>
    private const int MaxNameLength = 200;

    private readonly TemplateSource _source;

    private readonly string _text;

    private readonly List<Token> _tokens = [];

    private int _at;

    private Lexer(TemplateSource source)
    {
        _source = source;
        _text = source.Text;
    }

    /// <exception cref="UnsupportedModelException">The template is not made of tokens.</exception>
    public static List<Token> Tokenize(TemplateSource source)
    {
        Lexer lexer = new(source);
        lexer.Run();
        return lexer._tokens;
    }

    private char Current => Peek(0);

    private char Peek(int offset) => _at + offset < _text.Length ? _text[_at + offset] : '\0';

    private bool StartsWith(string expected) => _text.AsSpan(_at).StartsWith(expected, StringComparison.Ordinal);

    private void Add(TokenKind kind, string text, int position) => _tokens.Add(new Token(kind, text, position));

    private void Run()
    {
        bool lineStarts = true;
        while (_at < _text.Length)
        {
            int tag = FindTag();
            AddText(tag, lineStarts);
            if (tag == _text.Length)
            {
                break;
            }

            _at = tag + 2;
            if (Current is '-' or '+')
            {
                _at++;
            }

            lineStarts = _text[tag + 1] switch
            {
                '#' => SkipComment(tag),
                '%' => ReadTag(tag, TokenKind.BlockBegin, TokenKind.BlockEnd, "%}"),
                _ => ReadTag(tag, TokenKind.OutputBegin, TokenKind.OutputEnd, "}}"),
            };
        }

        Add(TokenKind.End, "end of template", _text.Length);
    }

    private int FindTag()
    {
        int brace = _at;
        while ((brace = _text.IndexOf('{', brace)) >= 0)
        {
            if (brace + 1 < _text.Length && _text[brace + 1] is '{' or '%' or '#')
            {
                return brace;
            }

            brace++;
        }

        return _text.Length;
    }

    private void AddText(int tag, bool lineStarts)
    {
        ReadOnlySpan<char> text = _text.AsSpan(_at, tag - _at);
        if (tag < _text.Length)
        {
            char sign = tag + 2 < _text.Length ? _text[tag + 2] : '\0';
            if (sign == '-')
            {
                text = text.TrimEnd();
            }
            else if (sign != '+' && _text[tag + 1] != '{')
            {
                int line = text.LastIndexOf('\n') + 1;
                if ((line > 0 || lineStarts) && text[line..].IsWhiteSpace())
                {
                    text = text[..line];
                }
            }
        }

        if (text.Length > 0)
        {
            Add(TokenKind.Text, text.ToString(), _at);
        }
    }

    /// <returns>Whether a line starts after the tag.</returns>
    private bool SkipComment(int tag)
    {
        int end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw _source.Unsupported(tag, "the comment has no end.");
        }

        char sign = end > _at ? _text[end - 1] : '\0';
        _at = end + 2;
        return SkipAfterTag(sign, trimBlock: true);
    }

    /// <returns>Whether a line starts after the tag.</returns>
    private bool ReadTag(int tag, TokenKind begin, TokenKind end, string close)
    {
        Add(begin, _text[tag..(tag + 2)], tag);
        Stack<char> brackets = new();
        while (true)
        {
            while (char.IsWhiteSpace(Current))
            {
                _at++;
            }

            if (_at >= _text.Length)
            {
                throw _source.Unsupported(tag, "the tag has no end.");
            }

            if (brackets.Count == 0)
            {
                char sign = Current is '-' or '+' && _text.AsSpan(_at + 1).StartsWith(close, StringComparison.Ordinal) ? Current : '\0';
                if (sign != '\0' || StartsWith(close))
                {
                    Add(end, close, _at);
                    _at += close.Length + (sign == '\0' ? 0 : 1);
                    return SkipAfterTag(sign, trimBlock: end == TokenKind.BlockEnd);
                }
            }

            ReadToken(brackets);
        }
    }

    private bool SkipAfterTag(char sign, bool trimBlock)
    {
        int start = _at;
        if (sign == '-')
        {
            while (char.IsWhiteSpace(Current))
            {
                _at++;
            }
        }
        else if (trimBlock && sign != '+' && Current == '\n')
        {
            _at++;
        }

        return _at > start && _text[_at - 1] == '\n';
    }

    private void ReadToken(Stack<char> brackets)
    {
        int start = _at;
        char first = Current;
        if (char.IsLetter(first) || first == '_')
        {
            SkipWhile(c => char.IsLetterOrDigit(c) || c == '_');
            if (_at - start > MaxNameLength)
            {
                throw _source.Unsupported(start, $"the name is longer than {MaxNameLength} characters.");
            }

            Add(TokenKind.Name, _text[start.._at], start);
        }
        else if (char.IsAsciiDigit(first))
        {
            ReadNumber(start);
        }
        else if (first is '\'' or '"')
        {
            Add(TokenKind.String, StringLiteral.Read(_source, ref _at), start);
        }
        else if (Array.Find(s_operators, StartsWith) is string symbol)
        {
            TrackBrackets(symbol[0], brackets);
            _at += symbol.Length;
            Add(TokenKind.Operator, symbol, start);
        }
        else
        {
            throw _source.Unsupported(start, $"unexpected character '{first}'.");
        }
    }

    private void ReadNumber(int start)
    {
        SkipWhile(c => char.IsAsciiDigit(c) || c == '_');
        TokenKind kind = TokenKind.Integer;
        if (Current == '.' && char.IsAsciiDigit(Peek(1)))
        {
            kind = TokenKind.Float;
            _at++;
            SkipWhile(char.IsAsciiDigit);
        }

        if (Current is 'e' or 'E' && (char.IsAsciiDigit(Peek(1)) || (Peek(1) is '+' or '-' && char.IsAsciiDigit(Peek(2)))))
        {
            kind = TokenKind.Float;
            _at += 2;
            SkipWhile(char.IsAsciiDigit);
        }

        Add(kind, _text[start.._at].Replace("_", "", StringComparison.Ordinal), start);
    }

    private void TrackBrackets(char symbol, Stack<char> brackets)
    {
        if (symbol is '(' or '[' or '{')
        {
            brackets.Push(symbol switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (symbol is ')' or ']' or '}' && (!brackets.TryPop(out char expected) || expected != symbol))
        {
            throw _source.Unsupported(_at, $"unexpected '{symbol}'.");
        }
    }

    private void SkipWhile(Predicate<char> condition)
    {
        while (_at < _text.Length && condition(_text[_at]))
        {
            _at++;
        }
    }
}
