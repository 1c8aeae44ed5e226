using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>Which of the two equal forms multi-head latent attention is computed in.</summary>
internal enum AttentionForm
{
    /// <summary>Whichever needs fewer multiplications for the sequence's part of the step.</summary>
    Cheapest,

    /// <summary>Queries are brought to the latent space; keys and values are never formed.</summary>
    Absorbed,

    /// <summary>Keys and values are formed from the latents, a tile of positions at a time.</summary>
    Expanded,
}

/// <summary>
/// Multi-head latent attention (V2 report, section 2.1): queries through a low rank (or directly), one compressed key-value latent a
/// token, a rotated key shared by all heads.
/// </summary>
internal sealed class MlaAttention
{
    private readonly ModelConfig _config;
    private readonly MlaShape _shape;
    private readonly Matrix? _qA;
    private readonly Norm _qANorm;
    private readonly Matrix _q;
    private readonly Matrix _kvA;
    private readonly Norm _kvANorm;
    private readonly Matrix _kvB;
    private readonly Matrix _o;

    public MlaAttention(WeightLoader weights, ModelConfig config, string prefix)
    {
        _config = config;
        _shape = config.Attention;
        var queryWidth = _shape.Heads * _shape.QueryHead;
        if (config.QLoraRank is { } rank)
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
        _o = weights.Matrix($"{prefix}o_proj.weight", config.HiddenSize, _shape.Heads * _shape.Value);
    }

    /// <summary>x += Attention(RMSNorm(x)) for <see cref="Workspace.X"/>.</summary>
    public void Forward(in Step step, in Norm norm, Activations cache)
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

        // Neighbouring sequences that take the absorbed form share its operations; an expanded one has keys and values of its own.
        var absorbedFrom = 0;
        foreach (var sequence in step.Batch.Sequences)
        {
            if (IsExpanded(step.Form, sequence))
            {
                Absorbed(step, cache, absorbedFrom, sequence.FirstRow);
                Expanded(step, cache, sequence);
                absorbedFrom = sequence.FirstRow + sequence.Count;
            }
        }

        Absorbed(step, cache, absorbedFrom, n);
        b.LinearAdd(w.Heads, _o, w.X, n);
    }

    private void Absorbed(in Step step, Activations cache, int from, int to)
    {
        var (b, w) = (step.Backend, step.Workspace);
        for (int row = from, count; row < to; row += count)
        {
            count = Math.Min(to - row, Workspace.AbsorbedRows);
            var tokens = step.Tokens.From(row);
            b.AbsorbRotated(w.Queries.From(row), step.Rope, tokens, _kvB, _shape, w.Absorbed, count);
            b.LatentAttention(w.Absorbed, cache, tokens, _shape, w.Context, count);
            b.ProjectLatents(w.Context, _kvB, _shape, w.Heads.From(row), count);
        }
    }

    private void Expanded(in Step step, Activations cache, in BatchSequence sequence)
    {
        var (b, w) = (step.Backend, step.Workspace);
        var (row, context) = (sequence.FirstRow, sequence.ContextLength);
        var tokens = step.Tokens.From(row);
        b.RotateQueries(w.Queries.From(row), step.Rope, tokens, _shape, sequence.Count);
        for (int start = 0, count; start < context; start += count)
        {
            count = Math.Min(context - start, Workspace.ExpandedPositions);
            b.GatherLatents(cache, tokens, start, w.TileLatents, count);
            b.Linear(w.TileLatents.Columns(0, _shape.Latent), _kvB, w.TileKeyValues, count);
            b.ExpandedAttention(
                w.Queries.From(row), w.TileKeyValues, w.TileLatents, tokens, _shape, start, count,
                first: start == 0, last: start + count == context, w.SoftmaxState.From(row), w.Heads.From(row), sequence.Count);
        }
    }

    /// <summary>
    /// Multiplications a head for Q tokens on S positions: absorbed Q c (n + v) + Q S (2 c + r), expanded S c (n + v) + Q S (n + r + v).
    /// A single token always takes the absorbed form, so that decoding sequences share their operations.
    /// </summary>
    private bool IsExpanded(AttentionForm form, in BatchSequence sequence)
    {
        form = form == AttentionForm.Cheapest ? sequence.Form : form;
        if (form != AttentionForm.Cheapest)
        {
            return form == AttentionForm.Expanded;
        }

        long queries = sequence.Count;
        long positions = sequence.ContextLength;
        long project = (long)_shape.Latent * _shape.KeyValueHead;
        var absorbed = (queries * project) + (queries * positions * (_shape.Latent + _shape.CacheRow));
        var expanded = (positions * project) + (queries * positions * (_shape.QueryHead + _shape.Value));
        return queries > 1 && expanded < absorbed;
    }
}
