using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Puts a <see cref="PromptText"/> together.</summary>
internal sealed class PromptTextBuilder
{
    private readonly StringBuilder _text = new();

    private readonly List<PromptRun> _runs = [];

    public int Length => _text.Length;

    public void Append(ReadOnlySpan<char> text, bool trusted)
    {
        if (text.Length == 0)
        {
            return;
        }

        _text.Append(text);
        PromptRun run = new(_text.Length, trusted);
        if (_runs.Count > 0 && _runs[^1].Trusted == trusted)
        {
            _runs[^1] = run;
        }
        else
        {
            _runs.Add(run);
        }
    }

    public void Append(PromptText text) => Append(text, 0, text.Length);

    /// <summary>Appends <paramref name="length"/> characters of <paramref name="text"/> from <paramref name="start"/> on.</summary>
    public void Append(PromptText text, int start, int length)
    {
        int end = start + length;
        ReadOnlySpan<PromptRun> runs = text.Runs;
        for (int i = text.RunAt(start); start < end; i++)
        {
            int stop = Math.Min(end, runs[i].End);
            Append(text.Text.AsSpan(start, stop - start), runs[i].Trusted);
            start = stop;
        }
    }

    public PromptText ToPromptText() => PromptText.FromRuns(_text.ToString(), [.. _runs]);
}
