using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>The second half of a decoder layer: adds a function of <see cref="Workspace.Normed"/> to <see cref="Workspace.X"/>.</summary>
internal abstract class FeedForward
{
    public abstract void Forward(in Step step);
}

/// <summary>x += (silu(h Wgate^T) * (h Wup^T)) Wdown^T: a dense layer, or the shared experts of a MoE layer taken together.</summary>
internal sealed class SwiGluMlp : FeedForward
{
    private readonly Matrix _gate;
    private readonly Matrix _up;
    private readonly Matrix _down;

    public SwiGluMlp(WeightLoader weights, string prefix, int hidden, int intermediate)
    {
        _gate = weights.Matrix($"{prefix}gate_proj.weight", intermediate, hidden);
        _up = weights.Matrix($"{prefix}up_proj.weight", intermediate, hidden);
        _down = weights.Matrix($"{prefix}down_proj.weight", hidden, intermediate);
    }

    public override void Forward(in Step step)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        var gate = Activations.Dense(w.Gate.Array, _gate.Rows);
        var up = Activations.Dense(w.Up.Array, _up.Rows);
        b.Linear(w.Normed, _gate, gate, n);
        b.Linear(w.Normed, _up, up, n);
        b.SwiGlu(gate, up, gate, n);
        b.LinearAdd(gate, _down, w.X, n);
    }
}

/// <summary>
/// DeepSeekMoE (V3 report, section 2.1.2): x += sum over the chosen experts of weight * expert(h), + shared(h).
/// </summary>
internal sealed class MixtureOfExperts : FeedForward
{
    private readonly RouterShape _router;
    private readonly Matrix _routerWeight;
    private readonly DeviceArray<float>? _correctionBias;
    private readonly ExpertMatrices _gate;
    private readonly ExpertMatrices _up;
    private readonly ExpertMatrices _down;
    private readonly SwiGluMlp? _shared;

    public MixtureOfExperts(WeightLoader weights, ModelConfig config, RouterShape router, string prefix)
    {
        var (hidden, intermediate) = (config.HiddenSize, config.MoeIntermediateSize);
        _router = router;
        _routerWeight = weights.Matrix($"{prefix}gate.weight", router.Experts, hidden);
        _correctionBias = router.BiasCorrected ? weights.Vector($"{prefix}gate.e_score_correction_bias", router.Experts) : null;
        _gate = weights.Experts.Projections($"{prefix}experts.", "gate_proj", router.Experts, intermediate, hidden);
        _up = weights.Experts.Projections($"{prefix}experts.", "up_proj", router.Experts, intermediate, hidden);
        _down = weights.Experts.Projections($"{prefix}experts.", "down_proj", router.Experts, hidden, intermediate);
        _shared = config.SharedExperts > 0
            ? new SwiGluMlp(weights, $"{prefix}shared_experts.", hidden, config.SharedExperts * intermediate)
            : null;
    }

    public override void Forward(in Step step)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        b.Linear(w.Normed, _routerWeight, w.RouterLogits, n);
        b.SelectExperts(w.RouterLogits, _correctionBias, _router, w.ExpertIds, w.ExpertWeights, n);
        if (step.Host is { } host)
        {
            step.HostExperts!.Fetch(w, n);
            _shared?.Forward(step); // The device computes this while the host computes the rest.
            step.HostExperts.Compute(host, _gate, _up, _down, w, n);
            b.Add(w.Routed, w.X, n);
        }
        else
        {
            b.RoutedExperts(w.Normed, w.ExpertIds, w.ExpertWeights, _gate, _up, _down, w.ExpertHidden, w.X, n);
            _shared?.Forward(step);
        }
    }
}
