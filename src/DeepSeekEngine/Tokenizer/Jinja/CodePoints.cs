namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>A text's characters as Python counts them, by code point; .NET counts UTF-16 units.</summary>
internal readonly struct CodePoints
{
    private readonly PromptText _text;

    /// <summary>Where each code point begins; null where each is one unit.</summary>
    private readonly int[]? _starts;

    public CodePoints(Evaluation evaluation, PromptText text)
    {
        evaluation.Charge(text.Length);
        _text = text;
        if (!text.Text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            Count = text.Length;
            return;
        }

        List<int> starts = [];
        for (int i = 0; i < text.Length; i += char.IsSurrogatePair(text.Text, i) ? 2 : 1)
        {
            starts.Add(i);
        }

        Count = starts.Count;
        starts.Add(text.Length);
        _starts = [.. starts];
    }

    public int Count { get; }

    public PromptText At(int index) => Range(index, index + 1);

    /// <summary>The code points from <paramref name="start"/> up to <paramref name="end"/>.</summary>
    public PromptText Range(int start, int end)
    {
        int from = _starts is null ? start : _starts[start];
        int to = _starts is null ? end : _starts[end];
        return _text.Slice(from, to - from);
    }
}
