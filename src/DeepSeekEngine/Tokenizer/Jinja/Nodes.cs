namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>A part of a template that yields a value.</summary>
internal abstract record Expression(int Position);

internal sealed record Literal(int Position, object? Value) : Expression(Position);

internal sealed record Name(int Position, string Identifier) : Expression(Position);

/// <summary>A list or a tuple: templates cannot tell them apart.</summary>
internal sealed record ListLiteral(int Position, IReadOnlyList<Expression> Items) : Expression(Position);

internal sealed record MapLiteral(int Position, IReadOnlyList<(Expression Key, Expression Value)> Entries) : Expression(Position);

/// <summary><c>target.name</c></summary>
internal sealed record Member(int Position, Expression Target, string Identifier) : Expression(Position);

/// <summary><c>target[index]</c></summary>
internal sealed record Subscript(int Position, Expression Target, Expression Index) : Expression(Position);

/// <summary><c>target[start:stop:step]</c></summary>
internal sealed record Slice(int Position, Expression Target, Expression? Start, Expression? Stop, Expression? Step) : Expression(Position);

internal sealed record Arguments(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    public static readonly Arguments None = new([], []);
}

/// <summary><c>target(arguments)</c></summary>
internal sealed record Call(int Position, Expression Target, Arguments Arguments) : Expression(Position);

/// <summary><c>target | filter(arguments)</c></summary>
internal sealed record FilterCall(int Position, Expression Target, string Filter, Arguments Arguments) : Expression(Position);

/// <summary><c>target is test argument</c></summary>
internal sealed record TestCall(int Position, Expression Target, string Test, Expression? Argument) : Expression(Position);

/// <summary><c>not</c>, <c>-</c> or <c>+</c></summary>
internal sealed record Unary(int Position, string Operator, Expression Operand) : Expression(Position);

/// <summary><c>and</c>, <c>or</c>, <c>~</c> or arithmetic.</summary>
internal sealed record Binary(int Position, string Operator, Expression Left, Expression Right) : Expression(Position);

/// <summary><c>a &lt; b == c</c>: true when every comparison is.</summary>
internal sealed record Comparison(
    int Position, Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest) : Expression(Position);

/// <summary><c>then if condition else otherwise</c></summary>
internal sealed record Conditional(int Position, Expression Condition, Expression Then, Expression? Otherwise) : Expression(Position);

/// <summary>A part of a template that does something.</summary>
internal abstract record Statement(int Position);

internal sealed record TextStatement(int Position, PromptText Text) : Statement(Position);

internal sealed record OutputStatement(int Position, Expression Value) : Statement(Position);

internal sealed record IfStatement(
    int Position, IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Body)> Branches,
    IReadOnlyList<Statement> Otherwise) : Statement(Position);

internal sealed record ForStatement(
    int Position, IReadOnlyList<string> Targets, Expression Items, Expression? Condition, IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Otherwise) : Statement(Position);

internal sealed record SetStatement(int Position, IReadOnlyList<string> Targets, Expression Value) : Statement(Position);

/// <summary><c>set target.member = value</c></summary>
internal sealed record SetMemberStatement(int Position, string Target, string Member, Expression Value) : Statement(Position);

/// <summary><c>set target</c> ... <c>endset</c></summary>
internal sealed record SetBlockStatement(int Position, string Target, IReadOnlyList<Statement> Body) : Statement(Position);

internal sealed record MacroStatement(
    int Position, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters,
    IReadOnlyList<Statement> Body) : Statement(Position);

internal sealed record BreakStatement(int Position) : Statement(Position);

internal sealed record ContinueStatement(int Position) : Statement(Position);
