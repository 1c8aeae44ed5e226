namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The tests templates may use: <c>value is test argument</c>.</summary>
internal static class Tests
{
    private static readonly HashSet<string> s_withArgument = new(StringComparer.Ordinal) { "equalto", "eq", "ne", "in", "divisibleby" };

    private static readonly Dictionary<string, Func<Evaluation, object?, object?, bool>> s_tests = new(StringComparer.Ordinal)
    {
        ["defined"] = (_, value, _) => value is not Undefined,
        ["undefined"] = (_, value, _) => value is Undefined,
        ["none"] = (_, value, _) => value is null,
        ["string"] = (_, value, _) => value is PromptText,
        ["mapping"] = (_, value, _) => value is Map,
        ["iterable"] = (_, value, _) => value is PromptText or Map or IReadOnlyList<object?> or Undefined,
        ["sequence"] = (_, value, _) => value is PromptText or Map or IReadOnlyList<object?> or Undefined,
        ["boolean"] = (_, value, _) => value is bool,
        ["true"] = (_, value, _) => value is true,
        ["false"] = (_, value, _) => value is false,
        ["integer"] = (_, value, _) => value is long,
        ["float"] = (_, value, _) => value is double,
        ["number"] = (_, value, _) => value is long or double or bool,
        ["odd"] = (e, value, _) => Remainder(e, value, 2L) != 0,
        ["even"] = (e, value, _) => Remainder(e, value, 2L) == 0,
        ["divisibleby"] = (e, value, divisor) => Remainder(e, value, divisor) == 0,
        ["equalto"] = Operations.AreEqual,
        ["eq"] = Operations.AreEqual,
        ["ne"] = (e, value, other) => !Operations.AreEqual(e, value, other),
        ["in"] = (e, value, container) => Operations.Contains(e, container, value),
    };

    public static bool IsKnown(string name) => s_tests.ContainsKey(name);

    public static bool TakesArgument(string name) => s_withArgument.Contains(name);

    public static bool Apply(Evaluation evaluation, string name, object? value, object? argument)
        => s_tests.TryGetValue(name, out Func<Evaluation, object?, object?, bool>? test)
            ? test(evaluation, value, argument)
            : throw evaluation.Error($"the test '{name}' is not supported.");

    private static long Remainder(Evaluation evaluation, object? value, object? divisor)
        => Operations.TryInteger(value, out long dividend) && Operations.TryInteger(divisor, out long by) && by != 0
            ? by == -1 ? 0 : dividend % by
            : throw evaluation.Error($"{Operations.Describe(value)} cannot be divided by {Operations.Describe(divisor)}.");
}
