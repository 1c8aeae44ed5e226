namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The functions templates may call.</summary>
internal static class Builtins
{
    public static void AddTo(Scope scope)
    {
        scope.Set("namespace", new Builtin(MakeNamespace));
        scope.Set("raise_exception", new Builtin(RaiseException));
        scope.Set("range", new Builtin(Range));
    }

    private static Namespace MakeNamespace(Evaluation evaluation, CallArguments arguments)
    {
        Namespace space = new();
        foreach ((string name, object? value) in arguments.Named)
        {
            space.Members[name] = value;
        }

        return arguments.Positional.Count == 0
            ? space
            : throw evaluation.Error("'namespace' is supported with named arguments only.");
    }

    /// <exception cref="ArgumentException">Always: with it a template refuses the conversation it is given.</exception>
    private static object? RaiseException(Evaluation evaluation, CallArguments arguments)
        => throw new ArgumentException(
            $"The model's chat template refuses this conversation: {Operations.ToText(evaluation, arguments.Bind("message")[0])}");

    private static List<object?> Range(Evaluation evaluation, CallArguments arguments)
    {
        List<long> bounds = [];
        foreach (object? argument in arguments.Positional)
        {
            bounds.Add(Operations.TryInteger(argument, out long bound)
                ? bound
                : throw evaluation.Error("'range' takes whole numbers only."));
        }

        (long start, long stop, long step) = bounds switch
        {
            [long end] => (0L, end, 1L),
            [long from, long end] => (from, end, 1L),
            [long from, long end, long by] when by != 0 => (from, end, by),
            _ => throw evaluation.Error("'range' takes a stop, a start and a stop, or these and a step that is not 0."),
        };
        List<object?> numbers = [];
        for (Int128 i = start; step > 0 ? i < stop : i > stop; i += step)
        {
            evaluation.ChargeValues(1);
            numbers.Add((long)i);
        }

        return numbers;
    }
}
