namespace DeepSeekEngine.Tokenizer;

/// <summary>A run of a <see cref="PromptText"/>, from the end of the run before up to <paramref name="End"/>.</summary>
internal readonly record struct PromptRun(int End, bool Trusted);

/// <summary>
/// Text that knows of each of its characters whether it is trusted: written by the chat template, or by somebody else. Only trusted text
/// can contain added tokens, so what a user types is text and nothing but text. Immutable.
/// </summary>
internal sealed class PromptText
{
    public static readonly PromptText Empty = new("", []);

    private readonly PromptRun[] _runs;

    private PromptText(string text, PromptRun[] runs)
    {
        Text = text;
        _runs = runs;
    }

    public string Text { get; }

    public int Length => Text.Length;

    /// <summary>The runs in order, none empty, neighbours different; together they are the text.</summary>
    public ReadOnlySpan<PromptRun> Runs => _runs;

    public static PromptText Trusted(string text) => Of(text, trusted: true);

    public static PromptText Untrusted(string text) => Of(text, trusted: false);

    public static PromptText operator +(PromptText left, PromptText right)
    {
        PromptTextBuilder builder = new();
        builder.Append(left);
        builder.Append(right);
        return builder.ToPromptText();
    }

    /// <summary>The part of <paramref name="length"/> characters from <paramref name="start"/> on.</summary>
    public PromptText Slice(int start, int length)
    {
        if (start == 0 && length == Length)
        {
            return this;
        }

        PromptTextBuilder builder = new();
        builder.Append(this, start, length);
        return builder.ToPromptText();
    }

    /// <summary>
    /// The index of the run that holds the character at <paramref name="position"/>; the number of runs for the end of the text.
    /// </summary>
    public int RunAt(int position)
    {
        int low = 0;
        int high = _runs.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _runs[middle].End <= position ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>The same runs over another text of the same length.</summary>
    public PromptText WithText(string text)
        => text.Length == Length ? new PromptText(text, _runs) : throw new ArgumentException("The lengths differ.", nameof(text));

    public override string ToString() => Text;

    /// <summary>Takes runs that fit the text, as <see cref="PromptTextBuilder"/> makes them.</summary>
    internal static PromptText FromRuns(string text, PromptRun[] runs) => runs.Length == 0 ? Empty : new PromptText(text, runs);

    private static PromptText Of(string text, bool trusted)
        => text.Length == 0 ? Empty : new PromptText(text, [new PromptRun(text.Length, trusted)]);
}
