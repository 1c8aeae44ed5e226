namespace DeepSeekEngine.Tokenizer.Jinja;

internal enum TokenKind
{
    /// <summary>Text between tags.</summary>
    Text,

    /// <summary><c>{%</c></summary>
    BlockBegin,

    /// <summary><c>%}</c></summary>
    BlockEnd,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    Name,

    /// <summary>A string literal; the token's text is its value.</summary>
    String,

    Integer,

    Float,

    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

internal readonly record struct Token(TokenKind Kind, string Text, int Position)
{
    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public bool IsOperator(string symbol) => Kind == TokenKind.Operator && Text == symbol;
}
