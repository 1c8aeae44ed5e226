using System.Globalization;

namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>
/// The filter <c>tojson</c> as transformers defines it: Python's json.dumps, characters beyond ASCII as they are. What was untrusted stays
/// so.
/// </summary>
internal sealed class JsonText(Evaluation evaluation, string itemSeparator, string keySeparator, int? indent)
{
    private const int MaxDepth = 64;

    private readonly PromptTextBuilder _json = new();

    public static PromptText Of(Evaluation evaluation, object? value, CallArguments arguments)
    {
        object?[] options = arguments.Bind("ensure_ascii", "indent", "separators", "sort_keys");
        if (Operations.IsTrue(options[0]) || Operations.IsTrue(options[3]))
        {
            throw evaluation.Error("'tojson' is supported without 'ensure_ascii' and 'sort_keys' only.");
        }

        int? indent = options[1] switch
        {
            null or Undefined => null,
            long width and >= 0 and <= 16 => (int)width,
            _ => throw evaluation.Error("'tojson' is supported with an 'indent' of 0 to 16 only."),
        };
        (string items, string keys) = options[2] switch
        {
            null or Undefined => (indent is null ? ", " : ",", ": "),
            IReadOnlyList<object?> list when list is [PromptText first, PromptText second] => (first.Text, second.Text),
            _ => throw evaluation.Error("'separators' of 'tojson' are two strings."),
        };
        JsonText json = new(evaluation, items, keys, indent);
        json.Write(value, 0);
        return json._json.ToPromptText();
    }

    private void Write(object? value, int depth)
    {
        evaluation.Charge(1);
        if (depth > MaxDepth)
        {
            throw evaluation.Error($"'tojson' got a value nested more than {MaxDepth} deep.");
        }

        switch (value)
        {
            case null:
                Write("null");
                break;
            case bool truth:
                Write(truth ? "true" : "false");
                break;
            case long integer:
                Write(integer.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                Write(Operations.FloatText(number));
                break;
            case PromptText text:
                WriteString(text);
                break;
            case IReadOnlyList<object?> list:
                WriteGroup("[", "]", list, depth, item => Write(item, depth + 1));
                break;
            case Map map:
                WriteGroup("{", "}", map.Entries, depth, entry =>
                {
                    WriteString(entry.Key);
                    Write(keySeparator);
                    Write(entry.Value, depth + 1);
                });
                break;
            default:
                throw evaluation.Error($"'tojson' does not take {Operations.Describe(value)}.");
        }
    }

    private void WriteGroup<T>(string open, string close, IReadOnlyList<T> items, int depth, Action<T> write)
    {
        Write(open);
        for (int i = 0; i < items.Count; i++)
        {
            Write(i == 0 ? "" : itemSeparator);
            BreakLine(depth + 1);
            write(items[i]);
        }

        if (items.Count > 0)
        {
            BreakLine(depth);
        }

        Write(close);
    }

    private void BreakLine(int depth)
    {
        if (indent is int width)
        {
            Write("\n" + new string(' ', width * depth));
        }
    }

    private void WriteString(PromptText text)
    {
        Write("\"");
        int start = 0;
        foreach (PromptRun run in text.Runs)
        {
            foreach (char c in text.Text.AsSpan(start, run.End - start))
            {
                Write(Escape(c), run.Trusted);
            }

            start = run.End;
        }

        Write("\"");
    }

    private static string Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\b' => "\\b",
        '\f' => "\\f",
        < ' ' => $"\\u{(int)c:x4}",
        _ => c.ToString(),
    };

    private void Write(string text, bool trusted = true)
    {
        evaluation.Charge(text.Length);
        _json.Append(text, trusted);
    }
}
