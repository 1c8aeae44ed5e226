using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>
/// Grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245) as Qwen2, Llama and Qwen3 have it: several query heads share a key-value
/// head, and queries and keys are rotated after a bias (Qwen2) or a norm of each head (Qwen3).
/// </summary>
internal sealed class GroupedQueryAttention : Attention
{
    /// <summary>
    /// Tokens from which on bringing a sequence's keys and values together pays: they are read and written once for it and then read for all
    /// tokens at once, where each token alone reads them itself.
    /// </summary>
    private const int FewestForTiles = 4;

    private readonly AttentionShape _shape;
    private readonly Matrix _q;
    private readonly Matrix _k;
    private readonly Matrix _v;
    private readonly HeadTransforms _transforms;

    public GroupedQueryAttention(WeightLoader weights, ModelConfig config, GroupedQueryConfig attention, string prefix)
        : base(attention)
    {
        _shape = attention.Cached;
        var (queryWidth, keyWidth) = (attention.Heads * attention.HeadWidth, attention.KeyValueHeads * attention.HeadWidth);
        _q = weights.Matrix($"{prefix}q_proj.weight", queryWidth, config.HiddenSize);
        _k = weights.Matrix($"{prefix}k_proj.weight", keyWidth, config.HiddenSize);
        _v = weights.Matrix($"{prefix}v_proj.weight", keyWidth, config.HiddenSize);
        _transforms = new HeadTransforms(
            Bias("q_proj", queryWidth), Bias("k_proj", keyWidth), Bias("v_proj", keyWidth), HeadNorm("q_norm"), HeadNorm("k_norm"),
            config.RmsNormEpsilon);
        Output = weights.Matrix($"{prefix}o_proj.weight", config.HiddenSize, queryWidth);

        DeviceArray<float>? Bias(string projection, int width)
            => attention.HasBias ? weights.Vector($"{prefix}{projection}.bias", width) : null;

        DeviceArray<float>? HeadNorm(string name)
            => attention.HasHeadNorm ? weights.Vector($"{prefix}{name}.weight", attention.HeadWidth) : null;
    }

    protected override Matrix Output { get; }

    protected override void Project(in Step step, in Norm norm, Activations cache)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        b.NormLinear(w.X, norm, w.Normed, _q, w.Queries, _k, w.Keys, n);
        b.Linear(w.Normed, _v, w.Values, n);
        b.AppendKeyValues(w.Queries, w.Keys, w.Values, _transforms, step.Rope, step.Tokens, _shape, cache, n);
    }

    protected override void AttendCached(in Step step, Activations cache, int row, int count)
        => step.Backend.CachedAttention(
            step.Workspace.Queries.From(row), cache, step.Tokens.From(row), _shape, step.Workspace.Heads.From(row), count);

    protected override void BeginTiles(in Step step, int row, int count)
    {
        // The queries are rotated already.
    }

    protected override void FormTile(in Step step, Activations cache, in TokenTables tokens, int start, int count)
        => step.Backend.GatherCache(cache, tokens, _shape, start, step.Workspace.TileKeyValues, count);

    protected override Activations SharedKeys(Workspace w) => default;

    protected override bool TilesAreCheaper(long queries, long positions) => queries >= FewestForTiles;
}
