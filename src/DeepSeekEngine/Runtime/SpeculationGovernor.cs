namespace DeepSeekEngine.Runtime;

/// <summary>
/// Decides from measured speed whether drafting pays: it tries some decoding steps with drafts and some without, keeps to the way that
/// made more tokens a second for a while, and tries again. A step counts as long as the median of its trial, so that one in which the
/// system was busy with something else decides nothing. Only speed depends on it, never a token.
/// </summary>
internal sealed class SpeculationGovernor
{
    /// <summary>Decoding steps of one way that are timed.</summary>
    internal const int TrialSteps = 16;

    /// <summary>Decoding steps before the other way is tried again.</summary>
    internal const int SettledSteps = 512;

    private readonly bool? _always;
    private readonly TimeSpan[] _times = new TimeSpan[TrialSteps];
    private Phase _phase = Phase.TryDrafting;
    private int _steps;
    private long _tokens;
    private double _draftingRate;

    /// <param name="always">True or false: drafts always or never; null: where it pays.</param>
    public SpeculationGovernor(bool? always)
    {
        _always = always;
        IsDrafting = always ?? true;
    }

    private enum Phase
    {
        TryDrafting,
        TryPlain,
        Settled,
    }

    /// <summary>Whether the next step is followed by drafts.</summary>
    public bool IsDrafting { get; private set; }

    /// <summary>Tells of a step in which requests only decoded.</summary>
    public void Decoded(int tokens, TimeSpan time)
    {
        if (_always is not null)
        {
            return;
        }

        _tokens += tokens;
        _times[_steps % TrialSteps] = time;
        if (++_steps < (_phase == Phase.Settled ? SettledSteps : TrialSteps))
        {
            return;
        }

        Array.Sort(_times);
        var rate = _tokens / Math.Max(_times[TrialSteps / 2].TotalSeconds, 1e-9);
        (_phase, IsDrafting) = _phase switch
        {
            Phase.TryDrafting => (Phase.TryPlain, false),
            Phase.TryPlain => (Phase.Settled, _draftingRate > rate),
            _ => (Phase.TryDrafting, true),
        };
        _draftingRate = rate;
        (_steps, _tokens) = (0, 0);
    }
}
