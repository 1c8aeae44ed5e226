using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>The second half of a decoder layer: adds a function of RMSNorm(x) to x, <see cref="Workspace.X"/>.</summary>
internal abstract class FeedForward
{
    public abstract void Forward(in Step step, in Norm norm);
}

/// <summary>A dense layer, or the shared experts of a MoE layer taken together: (silu(h Wgate^T) * (h Wup^T)) Wdown^T.</summary>
internal sealed class SwiGluMlp(WeightLoader weights, string prefix, int hidden, int intermediate)
{
    public SwiGluMatrices Matrices { get; } = new(
        weights.Matrix($"{prefix}gate_proj.weight", intermediate, hidden),
        weights.Matrix($"{prefix}up_proj.weight", intermediate, hidden),
        weights.Matrix($"{prefix}down_proj.weight", hidden, intermediate));

    /// <summary>Where gate_proj's output goes.</summary>
    public Activations Gate(Workspace w) => Activations.Dense(w.Gate.Array, intermediate);

    /// <summary>Where up_proj's output goes.</summary>
    public Activations Up(Workspace w) => Activations.Dense(w.Up.Array, intermediate);
}

/// <summary>The feed-forward network of the first layers.</summary>
internal sealed class DenseFeedForward(WeightLoader weights, string prefix, int hidden, int intermediate) : FeedForward
{
    private readonly SwiGluMlp _mlp = new(weights, prefix, hidden, intermediate);

    public override void Forward(in Step step, in Norm norm)
    {
        var w = step.Workspace;
        step.Backend.AddNormedSwiGlu(w.X, norm, w.Normed, _mlp.Matrices, _mlp.Gate(w), _mlp.Up(w), step.Count);
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
    private readonly ExpertSet _experts;
    private readonly SwiGluMlp? _shared;

    public MixtureOfExperts(WeightLoader weights, ModelConfig config, RouterShape router, string prefix)
    {
        var (hidden, intermediate) = (config.HiddenSize, config.MoeIntermediateSize);
        _router = router;
        _routerWeight = weights.Matrix($"{prefix}gate.weight", router.Experts, hidden);
        _correctionBias = router.BiasCorrected ? weights.Vector($"{prefix}gate.e_score_correction_bias", router.Experts) : null;
        _experts = new ExpertSet(
            weights.Experts.Projections($"{prefix}experts.", "gate_proj", router.Experts, intermediate, hidden),
            weights.Experts.Projections($"{prefix}experts.", "up_proj", router.Experts, intermediate, hidden),
            weights.Experts.Projections($"{prefix}experts.", "down_proj", router.Experts, hidden, intermediate));
        _shared = config.SharedExperts > 0
            ? new SwiGluMlp(weights, $"{prefix}shared_experts.", hidden, config.SharedExperts * intermediate)
            : null;
    }

    public override void Forward(in Step step, in Norm norm)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        b.NormLinear(w.X, norm, w.Normed, _routerWeight, w.RouterLogits, null, default, n);
        b.SelectExperts(w.RouterLogits, _correctionBias, _router, w.ExpertIds, w.ExpertWeights, n);
        if (step.Host is { } host)
        {
            step.HostExperts!.Fetch(w, n);
            if (_shared is not null)
            {
                // The device computes this while the host computes the rest.
                Composed.AddSwiGlu(b, w.Normed, _shared.Matrices, _shared.Gate(w), _shared.Up(w), w.X, n);
            }

            step.HostExperts.Compute(host, _experts, w, n);
            b.Add(w.Routed, w.X, n);
        }
        else if (_shared is not null)
        {
            b.AddExperts(
                w.Normed, w.ExpertIds, w.ExpertWeights, _experts, w.ExpertHidden,
                _shared.Matrices, _shared.Gate(w), _shared.Up(w), w.X, n);
        }
        else
        {
            b.RoutedExperts(w.Normed, w.ExpertIds, w.ExpertWeights, _experts.Gate, _experts.Up, _experts.Down, w.ExpertHidden, w.X, n);
        }
    }
}
