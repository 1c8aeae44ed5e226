namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>
/// One rendering: where it is, and how much work and nesting it may still use, so that no template can run for ever, fill the memory or
/// exhaust the stack.
/// </summary>
internal sealed class Evaluation(TemplateSource source, long work)
{
    /// <summary>Expressions and statements within one another, macros' included.</summary>
    private const int MaxDepth = 300;

    private long _work = work;

    private int _depth;

    /// <summary>Where in the template the node being evaluated begins.</summary>
    public int Position { get; set; }

    public UnsupportedModelException Error(string problem) => source.Unsupported(Position, problem);

    /// <summary>Accounts for <paramref name="units"/> steps or characters.</summary>
    public void Charge(long units)
    {
        _work -= units;
        if (_work < 0)
        {
            throw Error("the template does more work than any template needs; it was stopped.");
        }
    }

    /// <summary>Accounts for values that are made: an object each, which takes more room than a character.</summary>
    public void ChargeValues(int count) => Charge(16L * count);

    /// <summary>Accounts for a search for <paramref name="needle"/> characters in <paramref name="haystack"/>.</summary>
    public void ChargeSearch(int haystack, int needle) => Charge(1 + haystack * (1 + ((long)needle / 16)));

    public void Enter(int position)
    {
        Position = position;
        Charge(1);
        if (++_depth > MaxDepth)
        {
            throw Error($"more than {MaxDepth} constructs are evaluated within one another.");
        }
    }

    public void Leave() => _depth--;
}
