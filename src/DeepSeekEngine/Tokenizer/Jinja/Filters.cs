using System.Globalization;

namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>The filters templates may use: <c>value | filter(arguments)</c>.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Func<Evaluation, object?, CallArguments, object?>> s_filters = new(StringComparer.Ordinal)
    {
        ["trim"] = (e, value, a) => Strings.Trim(e, Text(e, value), a.Bind("chars")[0], start: true, end: true),
        ["upper"] = (e, value, a) => Strings.ToUpper(e, Text(e, value, a)),
        ["lower"] = (e, value, a) => Strings.ToLower(e, Text(e, value, a)),
        ["string"] = (e, value, a) => Text(e, value, a),
        ["safe"] = (e, value, a) => Text(e, value, a),
        ["replace"] = Replace,
        ["tojson"] = JsonText.Of,
        ["length"] = Length,
        ["count"] = Length,
        ["default"] = Default,
        ["d"] = Default,
        ["join"] = Join,
        ["first"] = (e, value, a) => Items(e, value, a) is [var first, ..] ? first : new Undefined("first"),
        ["last"] = (e, value, a) => Items(e, value, a) is [.., var last] ? last : new Undefined("last"),
        ["list"] = (e, value, a) => Items(e, value, a),
        ["reverse"] = (e, value, a) => Subscripts.Slice(e, Checked(a, value), null, null, -1L),
        ["items"] = (e, value, a) => Methods.MapItems(e, Checked(a, value)),
        ["int"] = ToInteger,
        ["float"] = ToFloat,
        ["selectattr"] = (e, value, a) => Select(e, value, a, wanted: true),
        ["rejectattr"] = (e, value, a) => Select(e, value, a, wanted: false),
        ["map"] = MapMember,
    };

    public static bool IsKnown(string name) => s_filters.ContainsKey(name);

    public static object? Apply(Evaluation evaluation, string name, object? value, CallArguments arguments)
        => s_filters[name](evaluation, value, arguments);

    private static PromptText Text(Evaluation evaluation, object? value) => Operations.ToText(evaluation, value);

    private static PromptText Text(Evaluation evaluation, object? value, CallArguments none) => Text(evaluation, Checked(none, value));

    private static IReadOnlyList<object?> Items(Evaluation evaluation, object? value, CallArguments none)
        => Operations.Items(evaluation, Checked(none, value));

    private static object? Checked(CallArguments none, object? value)
    {
        none.Bind();
        return value;
    }

    private static object Length(Evaluation evaluation, object? value, CallArguments arguments) => Checked(arguments, value) switch
    {
        PromptText text => (long)new CodePoints(evaluation, text).Count,
        IReadOnlyList<object?> list => (long)list.Count,
        Map map => (long)map.Entries.Count,
        Undefined => 0L,
        _ => throw evaluation.Error($"{Operations.Describe(value)} has no length."),
    };

    private static object? Default(Evaluation evaluation, object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("default_value", "boolean");
        object? otherwise = bound[0] is Undefined && arguments.Positional.Count == 0 ? PromptText.Empty : bound[0];
        return value is Undefined || (Operations.IsTrue(bound[1]) && !Operations.IsTrue(value)) ? otherwise : value;
    }

    private static object Replace(Evaluation evaluation, object? value, CallArguments arguments)
        => Methods.Replace(evaluation, Text(evaluation, value), arguments);

    private static object Join(Evaluation evaluation, object? value, CallArguments arguments)
    {
        PromptText separator = Text(evaluation, arguments.Bind("d")[0]);
        PromptTextBuilder joined = new();
        IReadOnlyList<object?> items = Operations.Items(evaluation, value);
        for (int i = 0; i < items.Count; i++)
        {
            PromptText item = Text(evaluation, items[i]);
            evaluation.Charge((long)separator.Length + item.Length);
            if (i > 0)
            {
                joined.Append(separator);
            }

            joined.Append(item);
        }

        return joined.ToPromptText();
    }

    private static object? ToInteger(Evaluation evaluation, object? value, CallArguments arguments)
    {
        object? otherwise = arguments.Bind("default")[0];
        evaluation.Charge((value as PromptText)?.Length ?? 0);
        return value switch
        {
            PromptText text when long.TryParse(
                text.Text.AsSpan().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long parsed) => parsed,
            double number when Math.Abs(number) < 1e18 => (long)number,
            _ when Operations.TryInteger(value, out long integer) => integer,
            _ => otherwise is Undefined ? 0L : otherwise,
        };
    }

    private static object? ToFloat(Evaluation evaluation, object? value, CallArguments arguments)
    {
        object? otherwise = arguments.Bind("default")[0];
        evaluation.Charge((value as PromptText)?.Length ?? 0);
        return value switch
        {
            PromptText text when double.TryParse(text.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) => parsed,
            _ when Operations.TryNumber(value, out double number) => number,
            _ => otherwise is Undefined ? 0.0 : otherwise,
        };
    }

    private static List<object?> Select(Evaluation evaluation, object? value, CallArguments arguments, bool wanted)
    {
        object?[] bound = arguments.Bind("attribute", "test", "argument");
        if (bound[0] is not PromptText attribute || (bound[1] is not (PromptText or Undefined)))
        {
            throw evaluation.Error("'selectattr' and 'rejectattr' take the name of a member and the name of a test.");
        }

        List<object?> selected = [];
        foreach (object? item in Operations.Items(evaluation, value))
        {
            evaluation.Charge(attribute.Length);
            object? member = Subscripts.Member(evaluation, item, attribute.Text);
            bool passes = bound[1] is PromptText test ? Tests.Apply(evaluation, test.Text, member, bound[2]) : Operations.IsTrue(member);
            if (passes == wanted)
            {
                selected.Add(item);
            }
        }

        return selected;
    }

    private static List<object?> MapMember(Evaluation evaluation, object? value, CallArguments arguments)
    {
        if (arguments.Positional.Count > 0 || arguments.Bind("attribute")[0] is not PromptText attribute)
        {
            throw evaluation.Error("'map' is supported as map(attribute='name') only.");
        }

        IReadOnlyList<object?> items = Operations.Items(evaluation, value);
        evaluation.Charge((long)items.Count * (8 + attribute.Length));
        return [.. items.Select(item => Subscripts.Member(evaluation, item, attribute.Text))];
    }
}
