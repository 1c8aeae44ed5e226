namespace DeepSeekEngine.Kernels;

/// <summary>How router logits become the chosen experts and their weights.</summary>
internal readonly record struct RouterShape
{
    /// <summary>E, the number of routed experts.</summary>
    public required int Experts { get; init; }

    /// <summary>k, the experts chosen for a token.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>Groups the experts are divided into, in order; 1 where there is no group limit.</summary>
    public required int Groups { get; init; }

    /// <summary>Groups a token may choose from.</summary>
    public required int GroupsKept { get; init; }

    /// <summary>Scores are sigmoid(logit) (V3) instead of softmax over all experts (V2).</summary>
    public required bool Sigmoid { get; init; }

    /// <summary>
    /// <c>noaux_tc</c>: the correction bias is added for selection and a group's score is the sum of its two largest biased scores;
    /// otherwise a group's score is its largest score.
    /// </summary>
    public required bool BiasCorrected { get; init; }

    /// <summary>Divide the weights by their sum + 1e-20.</summary>
    public required bool Normalize { get; init; }

    /// <summary>Multiplies every weight after normalisation; 1 where the model does not scale.</summary>
    public required float Scale { get; init; }
}
