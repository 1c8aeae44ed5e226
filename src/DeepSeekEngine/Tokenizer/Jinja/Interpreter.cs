namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>Runs a template's statements. Each rendering has its own.</summary>
internal sealed class Interpreter
{
    private readonly Evaluation _evaluation;

    private readonly ExpressionEvaluator _expressions;

    private PromptTextBuilder _output = new();

    public Interpreter(Evaluation evaluation)
    {
        _evaluation = evaluation;
        _expressions = new ExpressionEvaluator(evaluation) { InvokeMacro = InvokeMacro };
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    public PromptText Run(IReadOnlyList<Statement> statements, Scope globals)
    {
        Execute(statements, globals);
        return _output.ToPromptText();
    }

    private Flow Execute(IReadOnlyList<Statement> statements, Scope scope)
    {
        foreach (Statement statement in statements)
        {
            _evaluation.Enter(statement.Position);
            Flow flow = Execute(statement, scope);
            _evaluation.Leave();
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    private Flow Execute(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case TextStatement text:
                Print(text.Text);
                return Flow.Next;
            case OutputStatement output:
                Print(Operations.ToText(_evaluation, _expressions.Evaluate(output.Value, scope)));
                return Flow.Next;
            case IfStatement choice:
                return ExecuteIf(choice, scope);
            case ForStatement loop:
                return ExecuteFor(loop, scope);
            case SetStatement set:
                Assign(set.Targets, _expressions.Evaluate(set.Value, scope), scope);
                return Flow.Next;
            case SetMemberStatement set:
                SetMember(set, scope);
                return Flow.Next;
            case SetBlockStatement block:
                scope.Set(block.Target, Capture(block.Body, new Scope(scope)));
                return Flow.Next;
            case MacroStatement macro:
                scope.Set(macro.Name, new Macro(macro, scope));
                return Flow.Next;
            case BreakStatement:
                return Flow.Break;
            case ContinueStatement:
                return Flow.Continue;
            default:
                throw new InvalidOperationException($"Unknown statement {statement.GetType()}.");
        }
    }

    private void Print(PromptText text)
    {
        _evaluation.Charge(text.Length);
        _output.Append(text);
    }

    private PromptText Capture(IReadOnlyList<Statement> body, Scope scope)
    {
        PromptTextBuilder outer = _output;
        _output = new PromptTextBuilder();
        Execute(body, scope);
        PromptText captured = _output.ToPromptText();
        _output = outer;
        return captured;
    }

    private Flow ExecuteIf(IfStatement choice, Scope scope)
    {
        foreach ((Expression condition, IReadOnlyList<Statement> body) in choice.Branches)
        {
            if (Operations.IsTrue(_expressions.Evaluate(condition, scope)))
            {
                return Execute(body, scope);
            }
        }

        return Execute(choice.Otherwise, scope);
    }

    /// <summary>What a body assigns is gone with each round: only namespaces outlive it.</summary>
    private Flow ExecuteFor(ForStatement loop, Scope scope)
    {
        IReadOnlyList<object?> items = Operations.Items(_evaluation, _expressions.Evaluate(loop.Items, scope));
        if (loop.Condition is not null)
        {
            items = Filter(loop, items, scope);
        }

        for (int i = 0; i < items.Count; i++)
        {
            _evaluation.ChargeValues(1);
            Scope body = new(scope);
            body.Set("loop", new Loop(items, i));
            Assign(loop.Targets, items[i], body);
            if (Execute(loop.Body, body) == Flow.Break)
            {
                break;
            }
        }

        return items.Count == 0 ? Execute(loop.Otherwise, scope) : Flow.Next;
    }

    private List<object?> Filter(ForStatement loop, IReadOnlyList<object?> items, Scope scope)
    {
        List<object?> kept = [];
        foreach (object? item in items)
        {
            _evaluation.ChargeValues(1);
            Scope round = new(scope);
            Assign(loop.Targets, item, round);
            if (Operations.IsTrue(_expressions.Evaluate(loop.Condition!, round)))
            {
                kept.Add(item);
            }
        }

        return kept;
    }

    private void Assign(IReadOnlyList<string> targets, object? value, Scope scope)
    {
        if (targets.Count == 1)
        {
            scope.Set(targets[0], value);
            return;
        }

        IReadOnlyList<object?> values = Operations.Items(_evaluation, value);
        if (values.Count != targets.Count)
        {
            throw _evaluation.Error($"{values.Count} values are assigned to {targets.Count} variables.");
        }

        for (int i = 0; i < targets.Count; i++)
        {
            scope.Set(targets[i], values[i]);
        }
    }

    private void SetMember(SetMemberStatement set, Scope scope)
    {
        object? value = _expressions.Evaluate(set.Value, scope);
        if (scope.Get(set.Target) is not Namespace space)
        {
            throw _evaluation.Error($"'{set.Target}' is no namespace; only members of namespaces can be set.");
        }

        space.Members[set.Member] = value;
    }

    private PromptText InvokeMacro(Macro macro, CallArguments arguments)
    {
        MacroStatement definition = macro.Definition;
        Scope scope = new(macro.Scope);
        object?[] values = arguments.Bind([.. definition.Parameters.Select(parameter => parameter.Name)]);
        for (int i = 0; i < values.Length; i++)
        {
            (string name, Expression? otherwise) = definition.Parameters[i];
            bool given = i < arguments.Positional.Count || arguments.Named.ContainsKey(name);
            scope.Set(name, given || otherwise is null ? values[i] : _expressions.Evaluate(otherwise, scope));
        }

        return Capture(definition.Body, scope);
    }
}
