namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The methods of Python's strings and dictionaries that templates may call.</summary>
internal static class Methods
{
    public static object? Invoke(Evaluation evaluation, object? target, string name, CallArguments arguments) => target switch
    {
        PromptText text => InvokeText(evaluation, text, name, arguments),
        Map map => InvokeMap(evaluation, map, name, arguments),
        Undefined undefined => throw evaluation.Error($"'{undefined.Name}' is undefined and has no method '{name}'."),
        _ => throw evaluation.Error($"the method '{name}' of {Operations.Describe(target)} is not supported."),
    };

    /// <summary>Pairs of key and value; none for an undefined value, as the filter has it.</summary>
    public static List<object?> MapItems(Evaluation evaluation, object? value)
    {
        switch (value)
        {
            case Undefined:
                return [];
            case Map map:
                evaluation.Charge(map.Entries.Count);
                return [.. map.Entries.Select(entry => (object?)new List<object?> { entry.Key, entry.Value })];
            default:
                throw evaluation.Error($"{Operations.Describe(value)} has no items.");
        }
    }

    public static PromptText Replace(Evaluation evaluation, PromptText text, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("old", "new", "count");
        return Strings.Replace(evaluation, text, Text(evaluation, bound[0]), Text(evaluation, bound[1]), Limit(evaluation, bound[2]));
    }

    private static object? InvokeText(Evaluation evaluation, PromptText text, string name, CallArguments arguments)
    {
        switch (name)
        {
            case "split":
                object?[] bound = arguments.Bind("sep", "maxsplit");
                PromptText? separator = bound[0] is null or Undefined ? null : Text(evaluation, bound[0]);
                return Strings.Split(evaluation, text, separator, Limit(evaluation, bound[1]));
            case "strip":
                return Strings.Trim(evaluation, text, arguments.Bind("chars")[0], start: true, end: true);
            case "lstrip":
                return Strings.Trim(evaluation, text, arguments.Bind("chars")[0], start: true, end: false);
            case "rstrip":
                return Strings.Trim(evaluation, text, arguments.Bind("chars")[0], start: false, end: true);
            case "startswith":
                return Strings.Starts(evaluation, text, arguments.Bind("prefix")[0], end: false);
            case "endswith":
                return Strings.Starts(evaluation, text, arguments.Bind("suffix")[0], end: true);
            case "replace":
                return Replace(evaluation, text, arguments);
            case "upper":
                arguments.Bind();
                return Strings.ToUpper(evaluation, text);
            case "lower":
                arguments.Bind();
                return Strings.ToLower(evaluation, text);
            default:
                throw evaluation.Error($"the method '{name}' of a string is not supported.");
        }
    }

    private static object? InvokeMap(Evaluation evaluation, Map map, string name, CallArguments arguments)
    {
        switch (name)
        {
            case "get":
                object?[] bound = arguments.Bind("key", "default");
                return bound[0] is PromptText key && Subscripts.TryGet(evaluation, map, key, out object? value)
                    ? value
                    : bound[1] is Undefined ? null : bound[1];
            case "items":
                arguments.Bind();
                return MapItems(evaluation, map);
            case "keys":
                arguments.Bind();
                return Operations.Items(evaluation, map);
            case "values":
                arguments.Bind();
                evaluation.Charge(map.Entries.Count);
                return map.Entries.Select(entry => entry.Value).ToList();
            default:
                throw evaluation.Error($"the method '{name}' of a mapping is not supported.");
        }
    }

    private static PromptText Text(Evaluation evaluation, object? value)
        => value as PromptText ?? throw evaluation.Error($"expected a string as argument and found {Operations.Describe(value)}.");

    private static long Limit(Evaluation evaluation, object? value)
        => value is null or Undefined ? -1
        : Operations.TryInteger(value, out long limit) ? limit
        : throw evaluation.Error($"expected a number as argument and found {Operations.Describe(value)}.");
}
