using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>Which of the two equal forms attention is computed in.</summary>
internal enum AttentionForm
{
    /// <summary>Whichever is cheaper for the sequence's part of the step.</summary>
    Cheapest,

    /// <summary>
    /// Each token attends to the cache where it lies. Latent attention brings its queries to the latent space for that, and never forms keys
    /// and values.
    /// </summary>
    Absorbed,

    /// <summary>All tokens attend to a tile of keys and values at a time, which are brought together or, from latents, formed.</summary>
    Expanded,
}

/// <summary>
/// The first half of a decoder layer: adds attention of RMSNorm(x) to x, <see cref="Workspace.X"/>. What kinds of attention have in
/// common is which tokens take which form, and the tiles.
/// </summary>
internal abstract class Attention(AttentionConfig config)
{
    private readonly AttentionShape _expanded = config.Expanded;

    /// <summary>o_proj, [hidden, heads * value].</summary>
    protected abstract Matrix Output { get; }

    /// <summary>x += Attention(RMSNorm(x)) for <see cref="Workspace.X"/>.</summary>
    public void Forward(in Step step, in Norm norm, Activations cache)
    {
        Project(step, norm, cache);

        // Neighbouring sequences that attend to the cache where it lies share operations; one with tiles has keys and values of its own.
        var cachedFrom = 0;
        foreach (var sequence in step.Batch.Sequences)
        {
            if (IsExpanded(step.Form, sequence))
            {
                Cached(step, cache, cachedFrom, sequence.FirstRow);
                Expanded(step, cache, sequence);
                cachedFrom = sequence.FirstRow + sequence.Count;
            }
        }

        Cached(step, cache, cachedFrom, step.Count);
        step.Backend.LinearAdd(step.Workspace.Heads, Output, step.Workspace.X, step.Count);
    }

    /// <summary>Projects RMSNorm(x) to <see cref="Workspace.Queries"/>, and appends to the cache what tokens leave there.</summary>
    protected abstract void Project(in Step step, in Norm norm, Activations cache);

    /// <summary>Fills <see cref="Workspace.Heads"/> of some rows, at most <see cref="Workspace.CachedRows"/>.</summary>
    protected abstract void AttendCached(in Step step, Activations cache, int row, int count);

    /// <summary>Does to the queries of some rows what is to be done once before they attend to tiles.</summary>
    protected abstract void BeginTiles(in Step step, int row, int count);

    /// <summary>Fills <see cref="Workspace.TileKeyValues"/> with some positions of the sequence of the tables' first token.</summary>
    protected abstract void FormTile(in Step step, Activations cache, in TokenTables tokens, int start, int count);

    /// <summary>What heads share of the keys of a tile, if they do.</summary>
    protected abstract Activations SharedKeys(Workspace w);

    /// <summary>Whether so many tokens of a sequence, more than one, attend to so many positions in less time by tiles.</summary>
    protected abstract bool TilesAreCheaper(long queries, long positions);

    private void Cached(in Step step, Activations cache, int from, int to)
    {
        for (int row = from, count; row < to; row += count)
        {
            count = Math.Min(to - row, Workspace.CachedRows);
            AttendCached(step, cache, row, count);
        }
    }

    private void Expanded(in Step step, Activations cache, in BatchSequence sequence)
    {
        var w = step.Workspace;
        var (row, context) = (sequence.FirstRow, sequence.ContextLength);
        var tokens = step.Tokens.From(row);
        BeginTiles(step, row, sequence.Count);
        for (int start = 0, count; start < context; start += count)
        {
            count = Math.Min(context - start, Workspace.ExpandedPositions);
            FormTile(step, cache, tokens, start, count);
            step.Backend.ExpandedAttention(
                w.Queries.From(row), w.TileKeyValues, SharedKeys(w), tokens, _expanded, start, count,
                first: start == 0, last: start + count == context, w.SoftmaxState.From(row), w.Heads.From(row), sequence.Count);
        }
    }

    /// <summary>A single token always attends to the cache where it lies, so that decoding sequences share their operations.</summary>
    private bool IsExpanded(AttentionForm form, in BatchSequence sequence)
    {
        form = form == AttentionForm.Cheapest ? sequence.Form : form;
        return form == AttentionForm.Cheapest
            ? sequence.Count > 1 && TilesAreCheaper(sequence.Count, sequence.ContextLength)
            : form == AttentionForm.Expanded;
    }
}
