namespace DeepSeekEngine.Constraints;

/// <summary>Counts scalar values, up to where more make no difference.</summary>
internal sealed class LengthBuilder : LanguageBuilder<int>
{
    private readonly int _min;

    private readonly int? _max;

    private readonly IReadOnlyList<int> _symbols;

    private LengthBuilder(Alphabet alphabet, IReadOnlyList<int> symbols, int min, int? max)
        : base(alphabet, $"a length of {min} to {max?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any"} characters")
    {
        _symbols = symbols;
        _min = min;
        _max = max;
    }

    /// <inheritdoc cref="TextLanguage.Length"/>
    public static TextLanguage Build(int min, int? max)
        => new LengthBuilder(Alphabet.Of([ScalarSet.All], out IReadOnlyList<int>[] symbols), symbols[0], min, max).Build(0);

    protected override bool Accepts(int key) => key >= _min && key <= (_max ?? int.MaxValue);

    protected override void Step(int key, Span<int> targets)
    {
        int next = _max is null ? Math.Min(key + 1, _min) : key + 1;
        foreach (int symbol in _symbols)
        {
            if (next <= (_max ?? int.MaxValue))
            {
                targets[symbol] = StateOf(next);
            }
        }
    }
}
