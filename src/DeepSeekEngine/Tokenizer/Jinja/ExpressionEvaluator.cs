namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>Computes the values of expressions.</summary>
internal sealed class ExpressionEvaluator(Evaluation evaluation)
{
    /// <summary>Renders a macro: its body is statements, which only the interpreter runs.</summary>
    public required Func<Macro, CallArguments, PromptText> InvokeMacro { private get; init; }

    public object? Evaluate(Expression expression, Scope scope)
    {
        evaluation.Enter(expression.Position);
        object? value = expression switch
        {
            Literal literal => literal.Value,
            Name name => scope.Get(name.Identifier),
            ListLiteral list => EvaluateAll(list.Items, scope),
            MapLiteral map => EvaluateMap(map, scope),
            Member member => EvaluateMember(member, scope),
            Subscript subscript => EvaluateSubscript(subscript, scope),
            Slice slice => EvaluateSlice(slice, scope),
            Call call => EvaluateCall(call, scope),
            FilterCall filter => EvaluateFilter(filter, scope),
            TestCall test => EvaluateTest(test, scope),
            Unary unary => EvaluateUnary(unary, scope),
            Binary binary => EvaluateBinary(binary, scope),
            Comparison comparison => EvaluateComparison(comparison, scope),
            Conditional conditional => EvaluateConditional(conditional, scope),
            _ => throw new InvalidOperationException($"Unknown expression {expression.GetType()}."),
        };
        evaluation.Leave();
        return value;
    }

    private object?[] EvaluateAll(IReadOnlyList<Expression> expressions, Scope scope)
    {
        object?[] values = new object?[expressions.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Evaluate(expressions[i], scope);
        }

        return values;
    }

    private Map EvaluateMap(MapLiteral literal, Scope scope)
    {
        Map map = new();
        foreach ((Expression keyExpression, Expression value) in literal.Entries)
        {
            object? key = Evaluate(keyExpression, scope);
            map.Set(key as PromptText ?? throw evaluation.Error($"{Operations.Describe(key)} is not supported as a key."),
                Evaluate(value, scope));
        }

        return map;
    }

    private object? EvaluateMember(Member member, Scope scope)
    {
        object? target = Evaluate(member.Target, scope);
        evaluation.Position = member.Position;
        return Subscripts.Member(evaluation, target, member.Identifier);
    }

    private object? EvaluateSubscript(Subscript subscript, Scope scope)
    {
        object? target = Evaluate(subscript.Target, scope);
        object? index = Evaluate(subscript.Index, scope);
        evaluation.Position = subscript.Position;
        return Subscripts.Index(evaluation, target, index);
    }

    private object EvaluateSlice(Slice slice, Scope scope)
    {
        object? target = Evaluate(slice.Target, scope);
        object? start = slice.Start is null ? null : Evaluate(slice.Start, scope);
        object? stop = slice.Stop is null ? null : Evaluate(slice.Stop, scope);
        object? step = slice.Step is null ? null : Evaluate(slice.Step, scope);
        evaluation.Position = slice.Position;
        return Subscripts.Slice(evaluation, target, start, stop, step);
    }

    private object? EvaluateCall(Call call, Scope scope)
    {
        if (call.Target is Member method)
        {
            object? target = Evaluate(method.Target, scope);
            if (target is not (Namespace or Loop))
            {
                CallArguments given = EvaluateArguments(method.Identifier, call.Arguments, scope);
                evaluation.Position = method.Position;
                return Methods.Invoke(evaluation, target, method.Identifier, given);
            }
        }

        object? callee = Evaluate(call.Target, scope);
        CallArguments arguments = EvaluateArguments((call.Target as Name)?.Identifier ?? "call", call.Arguments, scope);
        evaluation.Position = call.Position;
        return callee switch
        {
            Builtin builtin => builtin.Invoke(evaluation, arguments),
            Macro macro => InvokeMacro(macro, arguments),
            Undefined undefined => throw evaluation.Error($"the function '{undefined.Name}' is not supported."),
            _ => throw evaluation.Error($"{Operations.Describe(callee)} cannot be called."),
        };
    }

    private CallArguments EvaluateArguments(string callee, Arguments arguments, Scope scope)
    {
        Dictionary<string, object?> named = new(StringComparer.Ordinal);
        foreach ((string name, Expression value) in arguments.Named)
        {
            named[name] = Evaluate(value, scope);
        }

        return new CallArguments(evaluation, callee, EvaluateAll(arguments.Positional, scope), named);
    }

    private object? EvaluateFilter(FilterCall filter, Scope scope)
    {
        object? target = Evaluate(filter.Target, scope);
        CallArguments arguments = EvaluateArguments(filter.Filter, filter.Arguments, scope);
        evaluation.Position = filter.Position;
        return Filters.Apply(evaluation, filter.Filter, target, arguments);
    }

    private object EvaluateTest(TestCall test, Scope scope)
    {
        object? target = Evaluate(test.Target, scope);
        object? argument = test.Argument is null ? null : Evaluate(test.Argument, scope);
        evaluation.Position = test.Position;
        return Tests.Apply(evaluation, test.Test, target, argument);
    }

    private object? EvaluateUnary(Unary unary, Scope scope)
    {
        object? operand = Evaluate(unary.Operand, scope);
        evaluation.Position = unary.Position;
        return unary.Operator switch
        {
            "not" => !Operations.IsTrue(operand),
            "-" => Operations.Arithmetic(evaluation, "-", 0L, operand),
            _ => Operations.Arithmetic(evaluation, "+", 0L, operand),
        };
    }

    private object? EvaluateBinary(Binary binary, Scope scope)
    {
        object? left = Evaluate(binary.Left, scope);
        if (binary.Operator is "and" or "or")
        {
            return Operations.IsTrue(left) == (binary.Operator == "or") ? left : Evaluate(binary.Right, scope);
        }

        object? right = Evaluate(binary.Right, scope);
        evaluation.Position = binary.Position;
        return binary.Operator == "~"
            ? Operations.Concatenate(evaluation, Operations.ToText(evaluation, left), Operations.ToText(evaluation, right))
            : Operations.Arithmetic(evaluation, binary.Operator, left, right);
    }

    private object EvaluateComparison(Comparison comparison, Scope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach ((string symbol, Expression operand) in comparison.Rest)
        {
            object? right = Evaluate(operand, scope);
            evaluation.Position = comparison.Position;
            bool holds = symbol switch
            {
                "==" => Operations.AreEqual(evaluation, left, right),
                "!=" => !Operations.AreEqual(evaluation, left, right),
                "in" => Operations.Contains(evaluation, right, left),
                "not in" => !Operations.Contains(evaluation, right, left),
                _ => Operations.Compare(evaluation, symbol, left, right),
            };
            if (!holds)
            {
                return false;
            }

            left = right;
        }

        return true;
    }

    private object? EvaluateConditional(Conditional conditional, Scope scope)
    {
        if (Operations.IsTrue(Evaluate(conditional.Condition, scope)))
        {
            return Evaluate(conditional.Then, scope);
        }

        return conditional.Otherwise is null ? new Undefined("the inline if without else") : Evaluate(conditional.Otherwise, scope);
    }
}
