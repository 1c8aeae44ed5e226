namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>A loaded model of which prefill and decoding are timed, one sequence at a time.</summary>
internal interface ITimedModel : IDisposable
{
    /// <summary>Makes the sequence this long; what follows is computed after so many positions.</summary>
    void SetContext(int tokens);

    /// <summary>Seconds one step with so many tokens takes; the sequence is as long as before afterwards.</summary>
    double Prefill(int tokens);

    /// <summary>Seconds so many steps of one token take; the sequence is as long as before afterwards.</summary>
    double Decode(int tokens);
}
