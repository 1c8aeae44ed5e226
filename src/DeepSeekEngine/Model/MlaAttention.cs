using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>
/// Multi-head latent attention (V2 report, section 2.1): queries through a low rank (or directly), one compressed key-value latent a
/// token, a rotated key shared by all heads.
/// </summary>
internal sealed class MlaAttention : Attention
{
    private readonly MlaShape _shape;
    private readonly Matrix? _qA;
    private readonly Norm _qANorm;
    private readonly Matrix _q;
    private readonly Matrix _kvA;
    private readonly Norm _kvANorm;
    private readonly Matrix _kvB;

    public MlaAttention(WeightLoader weights, ModelConfig config, MlaConfig attention, string prefix)
        : base(attention)
    {
        _shape = attention.Shape;
        var queryWidth = _shape.Heads * _shape.QueryHead;
        if (attention.QLoraRank is { } rank)
        {
            _qA = weights.Matrix($"{prefix}q_a_proj.weight", rank, config.HiddenSize);
            _qANorm = new Norm(weights.Vector($"{prefix}q_a_layernorm.weight", rank), ModelConfig.LatentNormEpsilon);
            _q = weights.Matrix($"{prefix}q_b_proj.weight", queryWidth, rank);
        }
        else
        {
            _q = weights.Matrix($"{prefix}q_proj.weight", queryWidth, config.HiddenSize);
        }

        _kvA = weights.Matrix($"{prefix}kv_a_proj_with_mqa.weight", _shape.CacheRow, config.HiddenSize);
        _kvANorm = new Norm(weights.Vector($"{prefix}kv_a_layernorm.weight", _shape.Latent), ModelConfig.LatentNormEpsilon);
        _kvB = weights.Matrix($"{prefix}kv_b_proj.weight", _shape.Heads * _shape.KeyValueHead, _shape.Latent);
        Output = weights.Matrix($"{prefix}o_proj.weight", config.HiddenSize, _shape.Heads * _shape.Value);
    }

    protected override Matrix Output { get; }

    protected override void Project(in Step step, in Norm norm, Activations cache)
    {
        var (b, w, n) = (step.Backend, step.Workspace, step.Count);
        var append = new LatentAppend(w.KeyValueLatents, _kvANorm, step.Rope, step.Tokens, _shape, cache);
        if (_qA is not null)
        {
            b.NormLinear(w.X, norm, w.Normed, _qA, w.QueryLatents, _kvA, w.KeyValueLatents, n);
            b.ProjectQueries(w.QueryLatents, _qANorm, _q, w.Queries, append, n);
        }
        else
        {
            b.NormLinear(w.X, norm, w.Normed, _q, w.Queries, _kvA, w.KeyValueLatents, n);
            Composed.AppendLatents(b, append, n);
        }
    }

    protected override void AttendCached(in Step step, Activations cache, int row, int count)
    {
        var (b, w, tokens) = (step.Backend, step.Workspace, step.Tokens.From(row));
        b.AbsorbRotated(w.Queries.From(row), step.Rope, tokens, _kvB, _shape, w.Absorbed, count);
        b.CachedAttention(w.Absorbed, cache, tokens, _shape.Absorbed, w.Context, count);
        b.ProjectLatents(w.Context, _kvB, _shape, w.Heads.From(row), count);
    }

    protected override void BeginTiles(in Step step, int row, int count)
        => step.Backend.RotateQueries(step.Workspace.Queries.From(row), step.Rope, step.Tokens.From(row), _shape, count);

    protected override void FormTile(in Step step, Activations cache, in TokenTables tokens, int start, int count)
    {
        var (b, w) = (step.Backend, step.Workspace);
        b.GatherCache(cache, tokens, _shape.Absorbed, start, w.TileLatents, count);
        b.Linear(w.TileLatents.Columns(0, _shape.Latent), _kvB, w.TileKeyValues, count);
    }

    protected override Activations SharedKeys(Workspace w) => w.TileLatents.Columns(_shape.Latent, _shape.Rope);

    /// <summary>
    /// Multiplications a head for Q tokens on S positions: absorbed Q c (n + v) + Q S (2 c + r), expanded S c (n + v) + Q S (n + r + v).
    /// </summary>
    protected override bool TilesAreCheaper(long queries, long positions)
    {
        var project = (long)_shape.Latent * _shape.KeyValueHead;
        var absorbed = (queries * project) + (queries * positions * (_shape.Latent + _shape.CacheRow));
        var expanded = (positions * project) + (queries * positions * (_shape.QueryHead + _shape.Value));
        return expanded < absorbed;
    }
}
