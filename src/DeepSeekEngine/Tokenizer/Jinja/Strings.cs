namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>Python's string functions; every character of a result is as trusted as the one it comes from.</summary>
internal static class Strings
{
    /// <summary>The text without white space, or without the characters in <paramref name="characters"/>, at its ends.</summary>
    public static PromptText Trim(Evaluation evaluation, PromptText text, object? characters, bool start, bool end)
    {
        ReadOnlySpan<char> rest = text.Text;
        string? set = characters switch
        {
            null or Undefined => null,
            PromptText some => some.Text,
            _ => throw evaluation.Error("the characters to trim are not a string."),
        };
        int from = 0;
        int to = rest.Length;
        evaluation.ChargeSearch(text.Length, set?.Length ?? 0);
        while (start && from < to && IsTrimmed(rest[from], set))
        {
            from++;
        }

        while (end && to > from && IsTrimmed(rest[to - 1], set))
        {
            to--;
        }

        return text.Slice(from, to - from);
    }

    /// <summary>The parts between separators; between runs of white space where there is none.</summary>
    /// <param name="limit">The most cuts to make; negative for any number.</param>
    public static List<object?> Split(Evaluation evaluation, PromptText text, PromptText? separator, long limit)
    {
        evaluation.ChargeSearch(text.Length, separator?.Length ?? 0);
        List<object?> parts = [];
        if (separator is null)
        {
            SplitWhiteSpace(evaluation, text, limit, parts);
            return parts;
        }

        if (separator.Length == 0)
        {
            throw evaluation.Error("the separator to split at is empty.");
        }

        int start = 0;
        while (limit < 0 || parts.Count < limit)
        {
            int found = text.Text.IndexOf(separator.Text, start, StringComparison.Ordinal);
            if (found < 0)
            {
                break;
            }

            evaluation.ChargeValues(1);
            parts.Add(text.Slice(start, found - start));
            start = found + separator.Length;
        }

        parts.Add(text.Slice(start, text.Length - start));
        return parts;
    }

    /// <summary>
    /// Puts <paramref name="replacement"/> wherever <paramref name="old"/> is, at most <paramref name="limit"/> times if that is not
    /// negative.
    /// </summary>
    public static PromptText Replace(Evaluation evaluation, PromptText text, PromptText old, PromptText replacement, long limit)
    {
        evaluation.ChargeSearch(text.Length, old.Length);
        if (old.Length == 0)
        {
            throw evaluation.Error("the text to replace is empty.");
        }

        PromptTextBuilder result = new();
        int start = 0;
        while (limit != 0 && text.Text.IndexOf(old.Text, start, StringComparison.Ordinal) is >= 0 and int found)
        {
            evaluation.Charge(replacement.Length);
            result.Append(text, start, found - start);
            result.Append(replacement);
            start = found + old.Length;
            limit--;
        }

        result.Append(text, start, text.Length - start);
        return result.ToPromptText();
    }

    /// <summary>Letter by letter, so that lengths stay (Python makes SS of ß).</summary>
    public static PromptText ToUpper(Evaluation evaluation, PromptText text)
    {
        evaluation.Charge(text.Length);
        return text.WithText(text.Text.ToUpperInvariant());
    }

    public static PromptText ToLower(Evaluation evaluation, PromptText text)
    {
        evaluation.Charge(text.Length);
        return text.WithText(text.Text.ToLowerInvariant());
    }

    /// <summary>Whether the text begins (or ends) with a string, or with one of a list.</summary>
    public static bool Starts(Evaluation evaluation, PromptText text, object? parts, bool end)
    {
        switch (parts)
        {
            case PromptText part:
                evaluation.Charge(part.Length);
                return end
                    ? text.Text.EndsWith(part.Text, StringComparison.Ordinal)
                    : text.Text.StartsWith(part.Text, StringComparison.Ordinal);
            case IReadOnlyList<object?> list:
                evaluation.Charge(list.Count);
                return list.Any(part => part is PromptText && Starts(evaluation, text, part, end));
            default:
                throw evaluation.Error($"a string cannot begin or end with {Operations.Describe(parts)}.");
        }
    }

    /// <summary>Python's white space is Unicode's and the four separators of ASCII.</summary>
    private static bool IsTrimmed(char c, string? set)
        => set is null ? char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F' : set.Contains(c, StringComparison.Ordinal);

    private static void SplitWhiteSpace(Evaluation evaluation, PromptText text, long limit, List<object?> parts)
    {
        int at = 0;
        while (true)
        {
            while (at < text.Length && IsTrimmed(text.Text[at], null))
            {
                at++;
            }

            if (at == text.Length)
            {
                return;
            }

            int end = at;
            bool last = limit >= 0 && parts.Count == limit;
            while (end < text.Length && (last || !IsTrimmed(text.Text[end], null)))
            {
                end++;
            }

            evaluation.ChargeValues(1);
            parts.Add(text.Slice(at, end - at));
            at = end;
        }
    }
}
